"""What comes in the middle of a call: signal handlers, their exceptions, busier processes."""

import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from actors import Child, run, until, url
from instep import Misuse, Space

URLS = pytest.mark.parametrize("kind", ["memory", "lmdb"])


def place(kind: str, state: Path) -> str:
    """The URL of a store of a kind."""
    return "memory:" if kind == "memory" else url(state)


@URLS
def test_a_handler_that_writes_does_not_wait_for_itself(kind: str, state: Path) -> None:
    """In the middle of a write of its own thread it is refused, else it counts; nothing hangs."""
    told = run(
        dedent("""
        import random, signal, sys
        from instep import Misuse, Space
        space = Space(sys.argv[1])
        mine, signals, done, refused = space.counter("mine"), space.counter("signals"), 0, 0
        signals.increment(), signals.reset()
        def handler(*_):
            global done, refused
            try:
                signals.increment()
                done += 1
            except Misuse:
                refused += 1
            signal.setitimer(signal.ITIMER_REAL, random.random() * 1e-4 + 1e-5)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 1e-4)
        calls = 0
        while refused < 20 or done < 20:
            mine.increment()
            calls += 1
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        print(mine.value == calls, signals.value == done)
        """),
        place(kind, state),
    )
    assert told.split() == ["True", "True"]


def test_an_exception_of_a_handler_leaves_no_transaction_behind(state: Path) -> None:
    """Whenever it comes, the thread is outside of every transaction; its next call is stored."""
    told = run(
        dedent("""
        import random, signal, sys
        from instep import LockTimeout, Space
        from instep.transaction import current
        class TimeLimit(Exception): ...
        class Thing:
            def __init__(self): self.n = 0
            def add(self): self.n += 1; return self.n
        def limit(*_): raise TimeLimit
        signal.signal(signal.SIGALRM, limit)
        for _ in range(2000):
            space = Space("memory:", timeout=0.01)
            thing, counter = space.share("thing", Thing), space.counter("counter")
            thing.add()
            try:
                signal.setitimer(signal.ITIMER_REAL, random.random() * 2e-4 + 1e-6)
                for _ in range(100):
                    thing.add()
            except (TimeLimit, LockTimeout):
                pass
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            assert current() is None
            assert counter.increment() == 1
            assert space.opened().store.read(b"counter") is not None
            signal.signal(signal.SIGALRM, limit)
        print("stored")
        """)
    )
    assert told.strip() == "stored"


class Slow:
    """An object whose calls take long."""

    def __init__(self) -> None:
        self.calls = 0

    def work(self) -> int:
        """One call that takes a while."""
        time.sleep(0.02)
        self.calls += 1
        return self.calls


def test_a_busy_process_does_not_shut_the_others_out(
    state: Path, fork: Callable[..., Child]
) -> None:
    """One that waits gets in after a few calls of the threads of another, however busy they are."""
    busy = dedent("""
        import sys, threading, time
        from instep import Space
        class Slow:
            def __init__(self): self.calls = 0
            def work(self):
                time.sleep(0.02)
                self.calls += 1
                return self.calls
        slow = Space(sys.argv[1], timeout=30).share("slow", Slow)
        def keep_on():
            while slow.work() < 600: pass
        threads = [threading.Thread(target=keep_on) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    """)
    child = fork(run, busy, url(state))
    slow = Space(url(state), timeout=30).share("slow", Slow)
    until(lambda: slow.calls >= 5)
    between = []
    for _ in range(10):
        before = slow.calls
        between.append(slow.work() - before)
    assert max(between) <= 25
    child.end()


def test_an_end_on_a_full_disk_is_an_end(state: Path) -> None:
    """The data file was synced, so it is trusted after a reboot, though no checkpoint was made."""
    run(
        dedent("""
        import os, resource, sys
        from instep import Space
        space = Space("lmdb:" + sys.argv[1])
        counter, mapping = space.counter("counter"), space.mapping("mapping")
        mapping["large"] = "x" * 5000
        space.close()
        for _ in range(100):
            counter.increment()
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
        space.close()
        """),
        state,
    )
    told = run(
        dedent("""
        import pathlib, sys
        import instep.stores.checkpoint as checkpoint
        from instep import Space
        checkpoint.BOOT_ID = pathlib.Path(sys.argv[1]).with_name("boot")
        checkpoint.BOOT_ID.write_text("another boot")
        print(Space("lmdb:" + sys.argv[1]).counter("counter").value)
        """),
        state,
    )
    assert told.strip() == "100"


def test_a_closed_store_may_be_opened_with_another_durability(state: Path) -> None:
    """Only while one is in use, another durability for the same folder is refused."""
    first = Space(f"lmdb:{state}")
    first.counter("counter").increment()
    with pytest.raises(Misuse, match="durability"):
        Space(f"lmdb:{state}?durability=commit").counter("counter").increment()
    first.close()
    assert Space(f"lmdb:{state}?durability=commit").counter("counter").increment() == 2
