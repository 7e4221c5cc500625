"""Holds between processes: exclusive, bounded, explained, freed by the kernel."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from actors import Child, Gate, url
from instep import LockTimeout
from instep.stores import engine, filelock
from instep.stores.base import Store
from instep.testing.steps import add_one, data

Fork = Callable[..., Child]
LONG = 20.0


@pytest.fixture(params=["bytes", "stripes"])
def store(state: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An embedded store on either kind of file lock."""
    if request.param == "stripes":
        monkeypatch.setattr(filelock, "_SETLK", -1)
    return engine(url(state)).open()


@pytest.fixture(autouse=True)
def closed(store: Store) -> object:
    """Close the store after each test."""
    yield
    store.close()


def hold_for_ever(store: Store, key: bytes, held: Gate) -> None:
    """Hold a key until killed."""
    hold = store.hold((key,), LONG)
    held.open()
    time.sleep(LONG)
    hold.release()


def test_a_timeout_says_which_process_holds_since_when(store: Store, fork: Fork) -> None:
    """A hold and an update of another process wait their time, and say who it was."""
    held = Gate()
    began = time.time()
    child = fork(hold_for_ever, store, b"n", held)
    held.pass_through()
    for attempt in (
        lambda: store.hold((b"n",), 0.1),
        lambda: store.update(b"n", add_one, 0.1),
        lambda: store.hold((b"a", b"n", b"z"), 0.1),
    ):
        start = time.monotonic()
        with pytest.raises(LockTimeout, match=f"process {child.pid} ") as caught:
            attempt()
        assert 0.1 <= time.monotonic() - start < LONG / 2
        holder = caught.value.holder
        assert holder is not None
        assert holder.pid == child.pid
        assert began <= holder.since <= time.time()
        assert caught.value.name == "n"
        assert caught.value.timeout == 0.1
    assert data(store, b"n") is None


def test_a_killed_holder_is_waited_for_by_nobody(store: Store, fork: Fork) -> None:
    """The kernel frees a hold with its holder; the next one has it at once."""
    for _ in range(5):
        held = Gate()
        child = fork(hold_for_ever, store, b"n", held)
        held.pass_through()
        child.kill()
        store.hold((b"n",), 0).release()
        store.update(b"n", add_one, 0)
    assert data(store, b"n") == b"5"


def test_a_killed_waiter_leaves_nothing_behind(store: Store, fork: Fork) -> None:
    """Whoever dies while it waits holds nothing, and is named in no deadlock."""
    at = Gate()

    def wait() -> None:
        with store.hold((b"a",), LONG) as hold:
            at.open()
            hold.extend((b"b",), LONG)

    with store.hold((b"b",), LONG):
        child = fork(wait)
        at.pass_through()
        time.sleep(0.05)
        child.kill()
        store.hold((b"a",), 0).release()
    store.hold((b"a", b"b"), 0).release()


def test_processes_that_hold_towards_each_other_do_not_hang(store: Store, fork: Fork) -> None:
    """The deadlock ends in a timeout that names both orders and both processes."""
    here, there = Gate(), Gate()

    def cross() -> None:
        with store.hold((b"second",), LONG) as hold:
            there.open()
            here.pass_through()
            hold.extend((b"first",), LONG)

    child = fork(cross)
    there.pass_through()
    with store.hold((b"first",), LONG) as hold:
        here.open()
        with pytest.raises(LockTimeout) as caught:
            hold.extend((b"second",), 1.0)
    message = str(caught.value)
    assert "holds first and waits for second" in message
    assert "holds second and waits for first" in message
    assert f"process {child.pid} " in message
    child.result()


def test_holds_and_updates_of_processes_exclude_each_other(store: Store, fork: Fork) -> None:
    """Four processes of two threads count by hold and by update; all counts are there."""

    def count(times: int) -> None:
        for step in range(times):
            if step % 2:
                store.update(b"n", add_one, LONG)
                continue
            with store.hold((b"n",), LONG) as hold:
                hold.commit({b"n": add_one(hold.load(b"n", updated=True))[0]})

    def threads() -> None:
        both = [threading.Thread(target=count, args=(200,)) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()

    children = [fork(threads) for _ in range(4)]
    for child in children:
        child.result()
    assert data(store, b"n") == b"1600"


def test_a_busy_process_does_not_keep_another_out(store: Store, fork: Fork) -> None:
    """One caller among four threads of another process gets its turn long before the timeout."""
    ready, done = Gate(), Gate()

    def hammer() -> None:
        stop = threading.Event()

        def holds() -> None:
            while not stop.is_set():
                with store.hold((b"n",), LONG) as hold:
                    hold.commit({b"n": add_one(hold.load(b"n"))[0]})

        all_ = [threading.Thread(target=holds) for _ in range(4)]
        for thread in all_:
            thread.start()
        ready.open()
        done.pass_through()
        stop.set()
        for thread in all_:
            thread.join()

    child = fork(hammer)
    ready.pass_through()
    longest = 0.0
    for _ in range(50):
        began = time.monotonic()
        store.hold((b"n",), LONG).release()
        longest = max(longest, time.monotonic() - began)
    done.open()
    child.result()
    assert longest < LONG / 2


def test_files_are_private(store: Store, state: Path) -> None:
    """The folder is for its owner only, and so is each file in it."""
    store.update(b"n", add_one, LONG)
    store.close()
    assert state.stat().st_mode & 0o777 == 0o700
    for path in state.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_no_descriptor_outlives_close(store: Store, state: Path) -> None:
    """Opening and closing a hundred times leaves nothing open and nothing mapped."""

    def open_now() -> list[str]:
        links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        return [os.readlink(link) for link in links if os.path.lexists(link)]

    for _ in range(100):
        store.update(b"n", add_one, LONG)
        store.close()
    assert not [path for path in open_now() if str(state) in path]
    assert f"{state}/data.mdb" not in Path("/proc/self/maps").read_text()
