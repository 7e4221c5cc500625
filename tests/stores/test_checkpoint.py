"""The machine dies: a file that may be torn is never read, and what was promised is there."""

import logging
import os
import shutil
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from actors import Child, Gate, run, until, url
from instep import Misuse, Space, StoreError
from instep.stores import checkpoint

Fork = Callable[..., Child]
PAGE = 4096

WRITE = """
import os, signal, sys, time
from instep import Space
space = Space(sys.argv[1])
numbers = space.mapping("numbers")
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    numbers[number] = f"{number}" * 40
if sys.argv[4] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write(address: str, first: int, last: int, end: str = "closed") -> None:
    """Write numbers in a process of its own, which closes the store or is killed."""
    run(WRITE, address, first, last, end, code_to_expect=-9 if end == "killed" else 0)


@pytest.fixture
def reboot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make this process one of another boot of the machine."""

    def reboot() -> None:
        boot_id = tmp_path / "boot_id"
        boot_id.write_text(f"{os.urandom(8).hex()}\n")
        monkeypatch.setattr(checkpoint, "BOOT_ID", boot_id)

    return reboot


def numbers_in(address: str) -> set[int]:
    """What is there, each entry whole."""
    space = Space(address)
    try:
        found = dict(space.mapping("numbers").items())
    finally:
        space.close()
    assert all(text == f"{number}" * 40 for number, text in found.items())
    return set(found)


def tear(data: Path, old: Path) -> None:
    """Mix the pages of two moments, as a machine leaves them that dies while it writes."""
    new, was = data.read_bytes(), old.read_bytes()
    pages = range(0, len(new), PAGE)
    data.write_bytes(
        b"".join(
            was[at : at + PAGE] if (at // PAGE) % 2 and at < len(was) else new[at : at + PAGE]
            for at in pages
        )
    )


def dead(state: Path, durability: str = "checkpoint") -> int:
    """A store whose machine died: a checkpoint of some numbers, then more, torn; how many."""
    address = url(state, durability)
    space = Space(address)
    numbers = space.mapping("numbers")
    for number in range(300):
        numbers[number] = f"{number}" * 40
    if durability == "checkpoint":
        until(lambda: checkpointed(state, 300))
    shutil.copy(state / "data.mdb", state.parent / "old.mdb")
    space.close()
    kept = (state / "checkpoint.mdb").read_bytes() if durability == "checkpoint" else None
    write(address, 300, 900, "killed")
    if kept is not None:
        (state / "checkpoint.mdb").write_bytes(kept)
    tear(state / "data.mdb", state.parent / "old.mdb")
    return 300


def checkpointed(state: Path, count: int) -> bool:
    """Whether the checkpoint holds so many numbers; looked at through a copy."""
    if not (state / "checkpoint.mdb").exists():
        return False
    copy = state.parent / "look"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    shutil.copy(state / "checkpoint.mdb", copy / "data.mdb")
    program = (
        "import sys; from instep import Space; print(len(Space(sys.argv[1]).mapping('numbers')))"
    )
    return run(program, url(copy)) == str(count)


def test_a_torn_store_opens_on_its_checkpoint(
    state: Path, reboot: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """The state is that of the checkpoint, whole; the log says so; the torn file is put aside."""
    kept = dead(state)
    torn = (state / "data.mdb").read_bytes()
    reboot()
    with caplog.at_level(logging.ERROR, "instep"):
        assert numbers_in(url(state, "checkpoint")) == set(range(kept))
    assert "machine died" in caplog.text
    assert str(state) in caplog.text
    assert (state / "torn.mdb").read_bytes() == torn
    assert stat.S_IMODE((state / "torn.mdb").stat().st_mode) == 0o600


def test_it_goes_on_from_there(state: Path, reboot: Callable[[], None]) -> None:
    """After the fall, commits are kept; a second fall loses none that a clean end has kept."""
    dead(state)
    reboot()
    address = url(state, "checkpoint")
    space = Space(address)
    space.mapping("numbers")[5000] = "5000" * 40
    space.close()
    reboot()
    assert numbers_in(address) == {*range(300), 5000}


def test_the_same_boot_trusts_the_file(state: Path) -> None:
    """A process that is killed loses nothing: the machine is alive, and so are its pages."""
    for durability in ("checkpoint", "none", "commit"):
        address = url(state / durability, durability)
        write(address, 0, 200, "killed")
        assert numbers_in(address) == set(range(200))


@pytest.mark.parametrize("durability", ["checkpoint", "none", "commit"])
def test_a_clean_end_and_a_reboot_lose_nothing(
    state: Path, reboot: Callable[[], None], durability: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The last process has synced the file and says that it is whole."""
    address = url(state, durability)
    write(address, 0, 200)
    reboot()
    assert numbers_in(address) == set(range(200))
    assert not caplog.records


def test_a_death_right_after_a_clean_end_falls_back_to_it(
    state: Path, reboot: Callable[[], None]
) -> None:
    """Short runs that each end cleanly, then one that dies before a checkpoint is due."""
    address = url(state, "checkpoint")
    for first in range(0, 300, 100):
        write(address, first, first + 100)
    write(address, 300, 400, "killed")
    (state / "data.mdb").write_bytes(b"\0" * (1 << 20))
    reboot()
    assert numbers_in(address) == set(range(300))


def test_every_commit_can_be_synced(state: Path, reboot: Callable[[], None]) -> None:
    """With durability=commit, what was answered is there after the machine's death."""
    address = url(state, "commit")
    write(address, 0, 100, "killed")
    reboot()
    assert numbers_in(address) == set(range(100))


def test_without_a_checkpoint_it_begins_empty(
    state: Path, reboot: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """durability=none promises nothing to the dead, but never shows torn data, and says so."""
    dead(state, "none")
    (state / "checkpoint.mdb").unlink(missing_ok=True)
    reboot()
    assert numbers_in(url(state)) == set()
    assert "no checkpoint" in caplog.text


def test_stricter_durability_begins_with_what_is_there(
    state: Path, reboot: Callable[[], None]
) -> None:
    """From one durability to another, in each direction, without a loss."""
    order = ("none", "commit", "checkpoint", "commit", "none")
    for step, durability in enumerate(order):
        write(url(state, durability), step, step + 1)
    assert numbers_in(url(state)) == set(range(len(order)))
    write(url(state, "commit"), 10, 20, "killed")
    reboot()
    assert {*range(5), *range(10, 20)} == numbers_in_commit(state)


def numbers_in_commit(state: Path) -> set[int]:
    """What another process finds with durability=commit; this one may use the folder otherwise."""
    program = (
        "import sys; from pathlib import Path; from instep.stores import checkpoint;"
        "checkpoint.BOOT_ID = Path(sys.argv[2]); from instep import Space;"
        "print(*Space(sys.argv[1]).mapping('numbers'))"
    )
    return set(map(int, run(program, url(state, "commit"), checkpoint.BOOT_ID).split()))


def test_a_checkpoint_follows_a_change(state: Path) -> None:
    """Soon after it, while the store is open, made by whichever process is there."""
    space = Space(url(state, "checkpoint"))
    numbers = space.mapping("numbers")
    for count in (1, 2):
        numbers[count] = "x"
        until(lambda count=count: checkpointed(state, count), 15)
    space.close()


def test_a_failed_fall_can_be_made_again(state: Path, reboot: Callable[[], None]) -> None:
    """A process that is killed in the middle of it leaves it to the next."""
    kept = dead(state)
    (state / "data.mdb").replace(state / "torn.mdb")
    (state / "data.new").write_bytes(b"half")
    reboot()
    assert numbers_in(url(state, "checkpoint")) == set(range(kept))


def test_a_checkpoint_that_fails_is_made_again(state: Path) -> None:
    """One that fails is reported; the thread that makes them lives on."""
    space = Space(url(state, "checkpoint"))
    numbers = space.mapping("numbers")
    numbers[1] = "x"
    until(lambda: checkpointed(state, 1), 15)
    (state / "checkpoint.mdb").unlink()
    (state / "checkpoint.mdb").mkdir()
    (state / "checkpoint.mdb" / "in the way").touch()
    numbers[2] = "x"
    time.sleep(checkpoint.Checkpoints.INTERVAL * 1.5)  # for the attempt that fails
    shutil.rmtree(state / "checkpoint.mdb")
    numbers[3] = "x"
    until(lambda: checkpointed(state, 3), 15)
    space.close()


@pytest.mark.parametrize("one", ["checkpoint", "none"])
def test_processes_must_agree(state: Path, fork: Fork, one: str) -> None:
    """A commit that is to be synced is not mixed with those that are not; either way round."""
    for first, second in ((one, "commit"), ("commit", one)):
        opened, stay = Gate(), Gate()

        def keep(address: str, opened: Gate = opened, stay: Gate = stay) -> None:
            space = Space(address)
            space.counter("n").increment()
            opened.open()
            stay.pass_through()
            space.close()

        child = fork(keep, url(state / first, first))
        opened.pass_through()
        with pytest.raises(StoreError, match="durability") as caught:
            Space(url(state / first, second)).counter("n").increment()
        assert str(state / first) in str(caught.value)
        stay.open()
        child.result()


def test_one_process_must_agree_with_itself(state: Path) -> None:
    """Two spaces on one folder are one store, with one durability."""
    one, other = Space(url(state)), Space(url(state / ".." / state.name))
    assert [one.counter("n").increment(), other.counter("n").increment()] == [1, 2]
    with pytest.raises(Misuse, match="one URL for one store"):
        Space(url(state, "commit")).counter("n").increment()
    one.close()


def test_another_boot_at_the_same_time_is_another_machine(
    state: Path, fork: Fork, reboot: Callable[[], None]
) -> None:
    """Two kernels that share a folder are refused, and nothing is put aside."""
    opened, stay = Gate(), Gate()

    def keep() -> None:
        Space(url(state)).counter("n").increment()
        opened.open()
        stay.pass_through()

    fork(keep)
    opened.pass_through()
    reboot()
    with pytest.raises(StoreError, match="another machine"):
        Space(url(state)).counter("n").increment()
    assert not (state / "torn.mdb").exists()


def test_without_a_boot_id_processes_still_meet(
    state: Path, fork: Fork, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the system does not tell its boot, two processes are on one machine all the same."""
    monkeypatch.setattr(checkpoint, "BOOT_ID", tmp_path / "missing")
    space = Space(url(state, "checkpoint"))
    space.counter("n").increment()
    assert fork(space.counter("n").increment).result() == 2
    space.close()


def test_killed_at_every_step_of_opening(state: Path, fork: Fork) -> None:
    """Whatever a killed first process left, the next one opens."""
    for step in range(40):
        folder = state / str(step)

        def begin(folder: Path = folder, step: int = step) -> None:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, 0.0002 * (step + 1))
            Space(url(folder, "checkpoint")).counter("n").increment()
            signal.pause()

        fork(begin).wait()
        space = Space(url(folder, "checkpoint"))
        assert space.counter("n").increment() in (1, 2)
        space.close()
