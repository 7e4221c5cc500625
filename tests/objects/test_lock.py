"""Locks: one holder among all workers, a fence that grows, freed when the holder dies."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from callers import at_once, held_by_another_thread, in_processes

from instep import LockTimeout, Misuse, Space


def take_turns(url: str, path: str) -> list[int]:
    """What one of many processes does: a read-modify-write of a file under the lock."""
    space = Space(url)
    fences = []
    for _ in range(30):
        with space.lock("file") as held:
            fences.append(held.fence)
            number = int(Path(path).read_text())
            os.sched_yield()
            Path(path).write_text(str(number + 1))
    space.close()
    return fences


def hold_until_killed(url: str, held: Any) -> None:
    """What the victim does."""
    with Space(url).lock("file"):
        held.set()
        time.sleep(60)


def test_one_holder_at_a_time(space: Space) -> None:
    """8 threads take turns: never two inside, and the fence grows with every hold."""
    lock, inside, fences = space.lock("l"), [], []

    def work() -> None:
        for _ in range(10):
            with lock as held:
                inside.append(1)
                assert len(inside) == 1
                fences.append(held.fence)
                inside.pop()

    at_once(8, work)
    assert fences == sorted(set(fences))
    assert len(fences) == 80


def test_processes_take_turns(shared_place: str, tmp_path: Any) -> None:
    """Three processes count in a plain file under the lock, and their fences are all different."""
    path = tmp_path / "number"
    path.write_text("0")
    found = in_processes(3, take_turns, shared_place, str(path))
    assert path.read_text() == "90"
    assert sorted(n for fences in found for n in fences) == sorted(
        {n for fences in found for n in fences}
    )
    assert all(fences == sorted(fences) for fences in found)


def test_a_killed_holder_frees_it(shared_place: str) -> None:
    """kill -9 of the holder lets the next one in at once, with a higher fence."""
    space = Space(shared_place, timeout=30)
    with space.lock("file") as first:
        pass
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    victim = context.Process(target=hold_until_killed, args=(shared_place, held), daemon=True)
    victim.start()
    try:
        assert held.wait(60)
        with pytest.raises(LockTimeout) as caught, space.lock("file", timeout=0.05):
            pytest.fail("two holders")
        assert caught.value.holder is not None
        assert caught.value.holder.pid == victim.pid
    finally:
        assert victim.pid
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
    with space.lock("file") as second:
        assert second.fence >= first.fence + 2
    space.close()


def test_a_timeout_says_who(space: Space) -> None:
    """LockTimeout carries the lock's name, the wait and the holder; zero means not to wait."""
    barrier, done = threading.Event(), threading.Event()

    def hold() -> None:
        with space.lock("nightly"):
            barrier.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert barrier.wait(30)
        for timeout in (0.05, 0):
            with (
                pytest.raises(LockTimeout, match=f"{timeout:g} s") as caught,
                space.lock("nightly", timeout=timeout),
            ):
                pytest.fail("two holders")
            assert (caught.value.name, caught.value.timeout) == ("nightly", timeout)
            assert caught.value.holder is not None
            assert (caught.value.holder.pid, caught.value.holder.thread) == (
                os.getpid(),
                thread.ident,
            )
            assert abs(caught.value.holder.since - time.time()) < 30
    finally:
        done.set()
        thread.join()
    with space.lock("nightly", timeout=0):
        pass


def test_it_is_not_reentrant(space: Space) -> None:
    """The same thread gets Misuse from the same lock, and still holds it."""
    lock = space.lock("l")
    with lock as held:
        with pytest.raises(Misuse, match="not reentrant"):
            lock.__enter__()
        with pytest.raises(LockTimeout), space.lock("l", timeout=0.01):
            pytest.fail("two holders")
    with lock as again:
        assert again.fence > held.fence


def test_a_block_that_raises_lets_go(space: Space) -> None:
    """The exception passes, and the lock is free."""
    with pytest.raises(LookupError), space.lock("l"):
        raise LookupError
    with space.lock("l", timeout=0):
        pass


def test_a_lock_is_no_transaction(space: Space) -> None:
    """What is written under a lock is committed at once; its fence grows inside of transactions."""
    hits = space.counter("hits")
    with pytest.raises(LookupError), space.lock("l") as first:
        hits.increment()
        raise LookupError
    assert hits.value == 1
    with pytest.raises(LookupError), space.transaction(hits), space.lock("l") as second:
        raise LookupError
    with space.lock("l") as third:
        assert first.fence < second.fence < third.fence


def test_a_lock_and_an_object_held_are_different_things(space: Space) -> None:
    """A lock named like the work it guards does not wait for objects, nor they for it."""
    hits = space.counter("hits")
    with held_by_another_thread(space, hits), space.lock("l", timeout=0):
        pass


def test_the_fence_never_goes_back(space: Space) -> None:
    """Deleting the lock does not give out old fences again."""
    with space.lock("l"):
        pass
    with space.lock("l") as before:
        pass
    try:
        space.delete("l")
    except Misuse:
        return  # to refuse it is as good
    with space.lock("l") as after:
        assert after.fence > before.fence


def test_a_forked_child_does_not_have_its_parents_lock(shared_place: str) -> None:
    """The child waits for its parent like anybody else, with the very same lock object."""
    space = Space(shared_place, timeout=0.05)
    lock = space.lock("l")
    with lock:
        pid = os.fork()
        if pid == 0:
            try:
                lock.__enter__()
            except LockTimeout:
                os._exit(7)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        with pytest.raises(Misuse):
            lock.__enter__()
    space.close()


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), float("inf"), "5", True])
def test_a_timeout_that_cannot_be(space: Space, timeout: Any) -> None:
    """Negative, not finite or not a number: Misuse when the lock or the space is made."""
    with pytest.raises(Misuse, match="timeout"):
        space.lock("l", timeout=timeout)
    with pytest.raises(Misuse, match="timeout"):
        Space("memory:", timeout=timeout)
