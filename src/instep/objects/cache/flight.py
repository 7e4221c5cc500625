"""Single flight: of many callers that miss the same key at once, one makes the value.

How it stays right. Whoever flies holds a key of its own for as long as it makes the value, so the
others wait, in the store's queue, and find the value when it is their turn. A holder that is killed
is let go of by the kernel or the server, or its lease ends (`LEASE`), and the next one flies. Truth
is the mark in the entry: whoever was paused beyond its lease, or whose entry was set or deleted
meanwhile, finds it gone and stores nothing. An error is its maker's alone; who waited flies itself.

Of the threads of a process only one asks the store for that key. The others queue in the process,
where they need no more than a look at the entry to see that the value was made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import Misuse
from ...stores import process
from ...stores.base import Store
from ...stores.holds import TABLE_SIZE, Holds, too_late
from ...stores.keys import readable

LEASE = 0.9  # seconds; where no kernel tells that a process died, others wait for so long

_SLOTS = (1 << 62) - 1  # of this process alone, so Python's own hash will do


class _Queue(process.Lockless):
    """Where the threads of this process wait for each other's flights."""

    def __init__(self) -> None:
        self.after_fork_in_child()
        process.watch(self)

    def after_fork_in_child(self) -> None:
        """Nobody but this thread exists here, and what it was making is the parent's."""
        self.holds = Holds(bytearray(TABLE_SIZE), None)
        self.flying: set[tuple[int, int]] = set()  # slots, and the threads that have them


_queue = _Queue()


@contextmanager
def turn(store: Store, key: bytes, timeout: float) -> Iterator[float]:
    """Be the only thread of this process that would make a value.

    Args:
        store: the store.
        key: of this value's flights.
        timeout: the longest wait, in seconds.

    Returns:
        What is left of the timeout, in seconds.

    Raises:
        LockTimeout: another thread took longer.
        Misuse: this very thread is making it.
    """
    if not process.here[0]:
        process.settle()
    began, holds, flying = time.monotonic(), _queue.holds, _queue.flying
    slot = hash((id(store), key)) & _SLOTS
    me = slot, threading.get_ident()
    if me in flying:
        raise Misuse(
            f"{readable(key)} is being made by this very call, which would wait for itself: let "
            "what makes the value do without the cached one"
        )
    if not holds.take(slot, timeout):
        raise too_late(key, timeout, holds.holder(slot), None)
    flying.add(me)
    try:
        yield max(0.0, timeout - (time.monotonic() - began))
    finally:
        flying.discard(me)
        if holds is _queue.holds:  # in a fork's child nobody waits for this thread
            holds.free(slot)


@contextmanager
def flight(store: Store, key: bytes, timeout: float) -> Iterator[None]:
    """Be the only one of all processes that makes a value, for those who look for it themselves.

    Args:
        store: the store.
        key: of this value's flights.
        timeout: the longest wait, in seconds.

    Raises:
        LockTimeout: somebody else took longer.
        Misuse: this very thread is making it.
    """
    with turn(store, key, timeout) as left, store.hold((key,), left, lease=LEASE):
        yield
