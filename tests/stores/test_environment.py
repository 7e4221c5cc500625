"""The embedded store's folder: bad places, foreign files, full disks, growth."""

import json
import os
import random
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from actors import PATIENCE, Child, Gate, run, url
from instep import Space, StoreError
from instep.stores import engine, environment
from instep.stores.membership import FORMAT_KEY
from instep.stores.record import successor

Fork = Callable[..., Child]
MIB = 1 << 20


def refused(folder: Path) -> str:
    """The error for a first use of the store in a folder."""
    space = Space(url(folder), timeout=5)
    with pytest.raises(StoreError) as caught:
        space.counter("n").increment()
    return str(caught.value)


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_path_that_is_a_file(tmp_path: Path, below: str) -> None:
    """The error names it, and the file is as it was."""
    file = tmp_path / "file"
    file.write_text("precious")
    message = refused(file / below)
    assert str(file / below) in message
    assert "folder" in message or "path" in message
    assert file.read_text() == "precious"


def test_a_folder_that_may_not_be_written(tmp_path: Path, fork: Fork) -> None:
    """The error names it and says what to do; nothing is half made."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o555)

    def without_rights() -> str:
        if not os.getuid():
            os.setuid(65534)
        return refused(folder / "state")

    message = fork(without_rights).result()
    assert str(folder) in message
    assert "let the program write there, or choose another folder" in message
    assert not list(folder.iterdir())


def test_a_store_of_another_user(tmp_path: Path, fork: Fork) -> None:
    """Files that may not be opened are an error with advice, and stay."""
    if os.getuid():
        pytest.skip("only root can become another user")
    space = Space(url(tmp_path / "state"))
    space.counter("n").increment()
    space.close()

    def without_rights() -> str:
        os.setuid(65534)
        return refused(tmp_path / "state")

    assert "let the program write there" in fork(without_rights).result()
    assert space.counter("n").value == 1
    space.close()


def test_a_file_that_begins_with_noise(state: Path) -> None:
    """It is refused, named, and left as it is."""
    made(state)
    data = state / "data.mdb"
    noise = random.Random(1).randbytes(3 * 4096) + data.read_bytes()[3 * 4096 :]
    data.write_bytes(noise)
    assert str(data) in refused(state)
    assert data.read_bytes() == noise


@pytest.mark.parametrize("length", [1, 100, 4096, 8191, 8192, 10_000, 100_000])
def test_a_file_that_is_cut_short(state: Path, length: int) -> None:
    """The pages that are gone are missed at the opening, not by a signal later."""
    made(state)
    os.truncate(state / "data.mdb", length)
    assert "data.mdb" in Child(refused, state).result()
    assert (state / "data.mdb").stat().st_size == length


def test_a_file_of_another_program(state: Path) -> None:
    """An LMDB file that somebody else made is not written to."""
    state.mkdir()
    with lmdb.open(str(state)) as theirs, theirs.begin(write=True) as txn:
        txn.put(b"key", b"theirs")
    assert "did not make" in refused(state)
    with lmdb.open(str(state)) as theirs, theirs.begin() as txn:
        assert list(txn.cursor()) == [(b"key", b"theirs")]


def test_a_store_of_a_newer_release(state: Path) -> None:
    """The format of the file and of each record is looked at before anything is made of it."""
    made(state)
    with lmdb.open(str(state)) as env, env.begin(write=True) as txn:
        raw = bytearray(successor(b"n", None, b"c1"))
        raw[0] = 2
        txn.put(b"n", bytes(raw))
    space = Space(url(state))
    for use in (space.counter("n").increment, lambda: space.counter("n").value):
        with pytest.raises(StoreError, match="newer release"):
            use()
    space.close()
    with lmdb.open(str(state)) as env, env.begin(write=True) as txn:
        assert txn.get(b"n") == raw
        txn.put(FORMAT_KEY, b"2")
    assert "newer release" in refused(state)


def made(state: Path) -> None:
    """A store with 200 kB in it, closed."""
    space = Space(url(state))
    for number in range(200):
        space.mapping("m")[number] = "x" * 1000
    space.close()


def test_growth_by_several_processes_at_once(state: Path, fork: Fork) -> None:
    """All of what four processes write past the first size is there, and read by one that slept."""
    space = Space(url(state), timeout=20)
    entries = space.mapping("m")
    entries["first"] = "here"
    grown, asleep = Gate(), Gate()

    def reader() -> int:
        assert entries["first"] == "here"
        asleep.open()
        grown.pass_through()
        assert entries["first"] == "here"
        return len(entries)

    def writer(number: int) -> None:
        for step in range(150):
            entries[number, step] = f"{number} {step} " * 500

    idle = fork(reader)
    asleep.pass_through()
    for child in [fork(writer, number) for number in range(4)]:
        child.result()
    grown.open()
    assert idle.result() == 601
    assert (state / "data.mdb").stat().st_size > 2 * MIB
    for number in range(4):
        for step in range(150):
            assert entries[number, step] == f"{number} {step} " * 500
    space.close()


def test_an_opening_does_not_cut_what_another_process_grows(
    state: Path, fork: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LMDB cuts a file to the size it is told; who grows it meanwhile would die of SIGBUS."""
    space = Space(url(state))
    space.counter("n").increment()
    space.close()
    opened, opening, written = Gate(), Gate(), Gate()

    def slow(*args: object, **kwargs: object) -> lmdb.Environment:
        opening.open()
        select.select([written._read], [], [], 1.0)  # a writer that is kept waiting is fine
        return real(*args, **kwargs)

    def late() -> int:
        opened.pass_through()
        environment.lmdb.open = slow
        return space.counter("n").value

    def writer() -> None:
        entries = space.mapping("m")
        entries[0] = "x"
        opened.open()
        opening.pass_through()
        for step in range(40):
            entries[step] = "x" * 60_000
        written.open()
        for step in range(40, 200):
            entries[step] = "x" * 60_000

    real = lmdb.open
    one, two = fork(writer), fork(late)
    assert two.result() == 1
    one.result()
    assert len(space.mapping("m")) == 200
    space.close()


def test_a_killed_reader_does_not_pin_the_file(state: Path, fork: Fork) -> None:
    """The pages of its snapshot are free again before the file grows for them."""
    store = engine(url(state)).open()
    opened, reading = Gate(), Gate()

    def read() -> None:
        opened.pass_through()
        store._environment.read(stuck)

    def stuck(txn: object) -> None:
        reading.open()
        time.sleep(PATIENCE)

    store.update(b"n", lambda old: (b"x", None), 10)
    for _ in range(3):
        child = fork(read)
        store.update(b"n", lambda old: (b"x", None), 10)  # the fork closed the file here
        opened.open()
        reading.pass_through()
        child.kill()
        for step in range(2000):
            store.update(b"n", lambda old, step=step: (b"%d" % step * 1000, None), 10)
    store.close()
    assert (state / "data.mdb").stat().st_size <= 4 * MIB


FULL = """
import json, os, sys, time
from pathlib import Path
from instep import Space, StoreError
root, how, durability = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if how == "limit":
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 19, resource.RLIM_INFINITY))
else:
    (root / "filler").write_bytes(bytes(9 << 20))
space = Space(f"lmdb:{root}/state?durability={durability}")
entries, said, kept = space.mapping("m"), [], 0
while len(said) < 20:
    try:
        entries[kept] = "x" * 20_000
        kept += 1
    except StoreError as error:
        said.append(str(error))
whole = all(entries[n] == "x" * 20_000 for n in range(kept)) and len(entries) == kept
time.sleep(1.2 if durability == "checkpoint" else 0)
if how == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
else:
    (root / "filler").unlink()
since = time.time()
for n in range(kept, kept + 20):
    entries[n] = "x" * 20_000
checkpoint = root / "state" / "checkpoint.mdb"
made = lambda: checkpoint.exists() and checkpoint.stat().st_mtime > since
while durability == "checkpoint" and not made():
    assert time.time() < since + 15, "no checkpoint was made after there was room"
    time.sleep(0.05)
print(json.dumps([sorted(set(said)), kept, whole, len(entries)]))
space.close()
"""

FIRST = """
import json, os, sys
from pathlib import Path
from instep import Space, StoreError
root, bad, refused = Path(sys.argv[1]), [], 0
for free in range(0, 600, 7):
    filler = root / "filler"
    with filler.open("wb", 0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    os.truncate(filler, max(0, filler.stat().st_size // 4096 - free) * 4096)
    folder = root / "state"
    pid = os.fork()
    if not pid:
        code = 1
        try:
            counter = Space(f"lmdb:{folder}?durability=none").counter("n")
            code = 0 if counter.increment() == 1 else 2
        except StoreError as error:
            code = 10 if str(folder) in str(error) and "make room" in str(error) else 3
        except BaseException as error:
            print(free, repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    refused += code == 10
    filler.unlink()
    if code not in (0, 10):
        bad.append([free, code])
    try:
        space = Space(f"lmdb:{folder}?durability=none")
        space.counter("n").increment()
        space.close()
    except BaseException as error:
        bad.append([free, repr(error)])
    os.system(f"rm -rf {folder}")
print(json.dumps([bad, refused]))
"""

READ_ONLY = """
import os, subprocess, sys
from instep import Space, StoreError
space = Space(f"lmdb:{sys.argv[1]}/state?durability=none")
space.counter("n").increment()
space.close()
subprocess.run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)
for folder in ("state", "new"):
    try:
        Space(f"lmdb:{sys.argv[1]}/{folder}?durability=none").counter("n").increment()
    except StoreError as error:
        print(error)
"""


def on_small_disk(tmp_path: Path, code: str, size: str, *args: str) -> str | None:
    """Run a program with a small file system of its own, or None where that is forbidden."""
    place = tmp_path / "disk"
    place.mkdir()
    script = tmp_path / "program.py"
    script.write_text(code)
    shell = f'mount -t tmpfs -o size={size} none "$1" && shift && exec "$@"'
    command = [sys.executable, "-W", "error", str(script), str(place), *args]
    for options in (["-m"], ["-r", "-m"]):
        if not shutil.which("unshare"):
            break
        done = subprocess.run(
            ["unshare", *options, "sh", "-c", shell, "sh", str(place), *command],
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout
        refused = ("unshare:", "mount:")
        assert done.stderr.startswith(refused), (done.returncode, done.stderr, done.stdout)
    return None


@pytest.mark.parametrize("durability", ["none", "commit", "checkpoint"])
def test_a_full_disk(tmp_path: Path, durability: str) -> None:
    """Writes are refused with advice, what was there is read, and with room it goes on."""
    said = on_small_disk(tmp_path, FULL, "12m", "disk", durability)
    limited = said is None
    if said is None:  # no right to mount: a limit on the file's size is the next best
        said = run(FULL, tmp_path, "limit", durability)
    errors, kept, whole, after = json.loads(said)
    assert kept > 20
    assert whole
    assert after == kept + 20
    assert len(errors) == 1
    assert "state" in errors[0]
    assert limited or "make room on the disk; nothing was changed" in errors[0]


def test_a_disk_that_is_full_at_the_first_use(tmp_path: Path) -> None:
    """However little room there is: an error with advice, and with room the store opens."""
    said = on_small_disk(tmp_path, FIRST, "3m")
    if said is None:
        pytest.skip("mounting is not allowed here; test_a_full_disk has the other way")
    bad, refused = json.loads(said)
    assert not bad
    assert refused > 10


def test_a_read_only_file_system(tmp_path: Path) -> None:
    """Both for a store that is there and for one that is not."""
    said = on_small_disk(tmp_path, READ_ONLY, "6m")
    if said is None:
        pytest.skip("mounting is not allowed here; a folder without rights is tested above")
    lines = said.splitlines()
    assert len(lines) == 2
    assert all("let the program write there, or choose another folder" in line for line in lines)
