"""`instep copy`, `dump`, `load` and `serve` from outside: exit codes, words, signals."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from daemon import free_port
from instep import Space
from instep.stores import engine
from moving_fill import fill, put, records

INSTEP = [sys.executable, "-W", "error", "-m", "instep.cli"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a store `old` in it."""
    monkeypatch.chdir(tmp_path)
    space = Space(here("lmdb:old"))
    fill(space)
    space.close()
    return tmp_path


def here(url: str) -> str:
    """The URL with an absolute path: this process has been in other folders."""
    return f"lmdb:{Path.cwd()}/{url.removeprefix('lmdb:')}"


def run(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end; it never shows a traceback."""
    done = subprocess.run([*INSTEP, *words], input=stdin, capture_output=True, timeout=120)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """What a command printed, without line breaks."""
    return " ".join((done.stdout + done.stderr).decode().split())


def same(one: str, other: str) -> bool:
    """Whether two stores have the same records."""
    with closing(engine(here(one)).open()) as first, closing(engine(here(other)).open()) as second:
        return records(first) == records(second) != {}


def write(url: str, key: bytes, data: bytes) -> None:
    """Write one record."""
    with closing(engine(here(url)).open()) as store:
        put(store, key, data)


def test_copying_exits_with_0() -> None:
    """It says how many, and that they are equal; again, and it says that they were there."""
    done = run("copy", "lmdb:old", "lmdb:new")
    assert done.returncode == 0, said(done)
    assert "copied 16 records to lmdb:" in said(done)
    assert "compared 16 records: all equal in data, version and expiry" in said(done)
    assert done.stderr == b""
    assert same("lmdb:old", "lmdb:new")
    done = run("copy", "lmdb:old", "lmdb:new")
    assert done.returncode == 0
    assert "copied 0 records" in said(done)
    assert "16 were there already" in said(done)


def test_a_prefix_without_records_is_said() -> None:
    """A slip of the pen is seen."""
    done = run("copy", "lmdb:old", "lmdb:new", "--prefix", "crats")
    assert done.returncode == 1
    assert "no record" in said(done)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["copy", "lmdb:nowhere", "lmdb:new"], "there is no store in"),
        (["copy", "lmdb:old", "lmdb:./old"], "source and the target"),
        (["copy", "lmdb:old", "memory:"], "is gone when this process ends"),
        (["copy", "lmdb:old", "nosuch:x"], "no store is known"),
        (["copy", "lmdb:old", "postgresql://u:hunter2@127.0.0.1:1/x"], "127.0.0.1"),
        (["copy", "memcached://127.0.0.1:1", "lmdb:new"], "cannot say which records"),
        (["dump", "lmdb:nowhere"], "there is no store in"),
        (["dump", "lmdb:old", "no/folder/x"], "no/folder/x cannot be written"),
        (["load", "nowhere.jsonl", "lmdb:new"], "nowhere.jsonl"),
        (["load", "old/data.mdb", "lmdb:new"], "this is not a dump"),
        (["serve", "lmdb:old"], "is not a manager's URL"),
        (["serve", "redis://:hunter2@host"], "is not a manager's URL"),
        (["serve", "manager:"], "manager:/PATH/OF.sock"),
    ],
)
def test_what_cannot_be_done_exits_with_2(words: list[str], message: str, folder: Path) -> None:
    """With one line that says why, and no secret; nothing is made."""
    done = run(*words)
    assert done.returncode == 2
    assert message in said(done)
    assert "hunter2" not in said(done)
    assert not (folder / "new").exists()
    assert not (folder / "nowhere").exists()


def test_what_is_not_allowed_exits_with_2() -> None:
    """And is allowed expressly."""
    write("lmdb:new", b"tickets", b"c1")
    done = run("copy", "lmdb:old", "lmdb:new")
    assert done.returncode == 2
    assert "tickets (version 3 at the source, 1 at the target)" in said(done)
    assert "--overwrite" in said(done)
    write("lmdb:new", b"mine", b"c1")
    done = run("copy", "lmdb:old", "lmdb:new", "--overwrite")
    assert done.returncode == 2
    assert "--merge" in said(done)
    assert run("copy", "lmdb:old", "lmdb:new", "--overwrite", "--merge").returncode == 0


def test_a_difference_at_the_end_exits_with_1() -> None:
    """It is named, and what to do is said."""
    busy = (
        "from instep.cli import copy as room, main\n"
        "from instep.moving import copy\n"
        "def copied(old, new, *, watch, **rules):\n"
        "    def meddle(step, done, total):\n"
        "        if step == 'copying': old.update(b'cart', lambda data: (b'c1', None), 1.0)\n"
        "    return copy(old, new, watch=meddle, **rules)\n"
        "room.copy = copied\n"
        "main()\n"
    )
    command = [sys.executable, "-c", busy, "copy", "lmdb:old", "lmdb:new"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "cart (version" in said(done)
    assert "run it again with --overwrite" in said(done)
    assert run("copy", "lmdb:old", "lmdb:new", "--overwrite").returncode == 0
    assert same("lmdb:old", "lmdb:new")


def test_dump_and_load(folder: Path) -> None:
    """By a file, and by a pipe; the file is the owner's alone."""
    done = run("dump", "lmdb:old", "backup.jsonl")
    assert done.returncode == 0
    assert "dumped 16 records to backup.jsonl" in said(done)
    assert (folder / "backup.jsonl").stat().st_mode & 0o777 == 0o600
    done = run("load", "backup.jsonl", "lmdb:new")
    assert done.returncode == 0, said(done)
    assert "loaded 16 records into lmdb:" in said(done)
    assert same("lmdb:old", "lmdb:new")
    done = run("dump", "lmdb:old")
    assert done.stdout.count(b"\n") == 18
    assert b"dumped 16 records" in done.stderr
    done = run("load", "-", "lmdb:other", stdin=done.stdout)
    assert done.returncode == 0, said(done)
    assert same("lmdb:old", "lmdb:other")


def test_a_url_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its password is in no list of processes."""
    monkeypatch.setenv("NEW_URL", "lmdb:new")
    assert run("copy", "lmdb:old", "env:NEW_URL").returncode == 0
    assert same("lmdb:old", "lmdb:new")
    assert run("dump", "env:NEW_URL").stdout.count(b"\n") == 18
    done = run("copy", "lmdb:old", "env:NOT_SET")
    assert done.returncode == 2
    assert "there is no 'NOT_SET' in the environment" in said(done)


def test_a_truncated_dump_exits_with_2(folder: Path) -> None:
    """And nothing is written."""
    data = run("dump", "lmdb:old").stdout
    done = run("load", "-", "lmdb:new", stdin=data[: len(data) // 2])
    assert done.returncode == 2
    assert "truncated" in said(done)
    assert not (folder / "new").exists()


def test_a_dump_goes_where_it_is_piped() -> None:
    """Also into what reads only the beginning, and into a pipe that has a name."""
    dump = subprocess.Popen([*INSTEP, "dump", "lmdb:old"], stdout=-1, stderr=-1)
    assert dump.stdout is not None
    assert dump.stderr is not None
    with dump.stdout, dump.stderr:
        assert json.loads(dump.stdout.readline())["instep"] == "dump"
        dump.stdout.close()
        assert b"Traceback" not in dump.stderr.read()
    assert dump.wait(60) in (0, 128 + signal.SIGPIPE)
    os.mkfifo("fifo")
    with subprocess.Popen([*INSTEP, "dump", "lmdb:old", "fifo"], stdout=-1) as dump:
        with open("fifo", "rb") as pipe:
            assert pipe.read().count(b"\n") == 18
        dump.communicate(timeout=60)
    assert dump.returncode == 0
    assert Path("fifo").is_fifo()


def test_no_record_is_shown_to_the_wrong_people() -> None:
    """A dump says the URL without its password."""
    assert b"hunter2" not in run("dump", "lmdb:old?durability=none&password=hunter2").stdout


def many(url: str, count: int) -> None:
    """A store with many records."""
    with closing(engine(f"{here(url)}?durability=none").open()) as store:
        for number in range(count):
            put(store, b"k%06d" % number, b"c%x" % number)


def test_a_copy_that_was_ended_goes_on() -> None:
    """Whatever ended it: no record is half there, and the same command ends the work."""
    many("lmdb:much", 30_000)
    before = 0
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        # Not `with`: after SIGKILL the pipes are empty, and the rest is looked at below.
        copying = subprocess.Popen([*INSTEP, "copy", "lmdb:much", "lmdb:new"], stderr=-1)
        deadline = time.monotonic() + 60
        while copying.poll() is None and count("lmdb:new") <= before:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        copying.send_signal(number)
        _, stderr = copying.communicate(timeout=60)
        assert copying.returncode in (0, -number, 128 + number), stderr.decode()
        assert b"Traceback" not in stderr
        before = count("lmdb:new")
    much, new = engine(here("lmdb:much")).open(), engine(here("lmdb:new")).open()
    with closing(much), closing(new):
        assert records(new).items() <= records(much).items()
    done = run("copy", "lmdb:much", "lmdb:new")
    assert done.returncode == 0, said(done)
    assert same("lmdb:much", "lmdb:new")


def count(url: str) -> int:
    """How many records there are; 0 if there is no store yet."""
    if not Path(url.removeprefix("lmdb:"), "data.mdb").exists():
        return 0
    with closing(engine(here(url)).open()) as store:
        return len(store.scan(b"", None, 1_000_000))


def test_a_dump_that_was_ended_leaves_the_old_file(folder: Path) -> None:
    """And no other file beside it."""
    slow = (
        "import time\n"
        "from instep.cli import dump as room, main\n"
        "from instep.moving import dump\n"
        "def slowly(store, file, *, prefix, watch):\n"
        "    def wait(step, done, total):\n"
        "        print('in the middle', flush=True)\n"
        "        time.sleep(60)\n"
        "    return dump(store, file, prefix=prefix, watch=wait)\n"
        "room.dump = slowly\n"
        "main()\n"
    )
    path = folder / "backup.jsonl"
    path.write_text("old")
    command = [sys.executable, "-c", slow, "dump", "lmdb:old", "backup.jsonl"]
    with subprocess.Popen(command, stdout=-1) as dumping:
        assert dumping.stdout is not None
        assert dumping.stdout.readline() == b"in the middle\n"
        assert len(list(folder.glob(".backup.jsonl.*"))) == 1
        dumping.send_signal(signal.SIGTERM)
        assert dumping.wait(60) == 128 + signal.SIGTERM
    assert path.read_text() == "old"
    assert not list(folder.glob(".backup.jsonl.*"))


def test_a_terminal_shows_a_bar() -> None:
    """It is gone at the end, and the words stay."""
    many("lmdb:much", 20_000)
    main, side = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [*INSTEP, "copy", "lmdb:much", "lmdb:new"]
    with subprocess.Popen(
        command, stdout=side, stderr=side, stdin=side, env=environment
    ) as copying:
        os.close(side)
        shown = b""
        with suppress(OSError):  # the other end is closed
            while part := os.read(main, 65536):
                shown += part
        copying.wait(60)
    os.close(main)
    assert b"copying" in shown
    assert b"comparing" in shown
    assert b"copied 20,000 records" in shown
    assert shown.count(b"\n") < 40


def test_a_manager_is_served() -> None:
    """Until SIGTERM; then its exit code is 0, and it has said both."""
    url = "manager:m.sock"
    with subprocess.Popen([*INSTEP, "serve", url], stderr=-1) as serving:
        assert serving.stderr is not None
        assert b"serving manager:m.sock" in serving.stderr.readline()
        done = run("copy", "lmdb:old", url)
        assert done.returncode == 0, said(done)
        assert run("serve", url).returncode == 2
        serving.send_signal(signal.SIGTERM)
        rest = serving.stderr.read()
        assert serving.wait(60) == 0
    assert b"ended" in rest
    assert b"Traceback" not in rest


def test_a_manager_on_a_port_needs_a_key() -> None:
    """Where it would have to make one that nobody knows, it says what to do."""
    done = run("serve", f"manager://127.0.0.1:{free_port()}")
    assert done.returncode == 2
    assert "INSTEP_MANAGER_KEY" in said(done)
