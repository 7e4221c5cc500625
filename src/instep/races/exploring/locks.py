"""Locks that wait for a turn and not for the system; without an exploration, plain ones.

How it stays right. Each wraps a real lock and takes it without waiting, when its turn has come and
the lock is free; so a lock held by a thread that nobody explores is respected too. `threading`
builds its conditions, semaphores, events, barriers and queues on `Lock` and `RLock` when they are
made, so all of them wait for turns as well. A wait with a time limit ends by the limit only when
nobody else can go on: time passes last.
"""

from __future__ import annotations

import queue
import threading
import time
from _thread import RLock as PlainRLock
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from instep.races.exploring.turns import Actor, Pending, Turns

_sleep = time.sleep
_start = threading.Thread.start
_join = threading.Thread.join
_is_set = threading.Event.is_set


class Stage:
    """Where the one exploration of this process, if there is one, is found."""

    turns: Turns | None = None
    daemons = False
    """Whether threads that are started outside of schedules end with the process."""

    seen: Any = None
    """Told of what is done to locks: `seen.lock` makes a line of the story, `seen.tell` adds it."""


TAKEN, GIVEN, LOOKED = "taken", "given", ""
"""What is done to a lock: looking at it without waiting conflicts with all, giving with nothing
else."""


def playing() -> tuple[Turns, Actor] | None:
    """The exploration and the calling actor, if it is one."""
    turns = Stage.turns
    me = turns.me() if turns is not None else None
    return (turns, me) if turns is not None and me is not None else None


def take(turns: Turns, me: Actor, lock: Any, blocking: bool, timeout: float | None) -> bool:
    """Take a lock when its turn has come; `lock` has `_free(me)` and `_take(me)`."""
    limited = blocking and timeout is not None and timeout >= 0
    while True:
        event = Stage.seen.lock(me, "acquire", lock)
        ready = (lambda: lock._free(me)) if blocking else (lambda: True)
        pending = Pending(
            "acquire", _token(event, lock, TAKEN if blocking else LOOKED), True, ready, limited,
            event=event, subject=lock,
        )  # fmt: skip
        turns.arrive(me, pending)
        late, me.late = me.late, False
        got: bool = lock._take(me)
        if got or late or not blocking:
            event.value = "" if got else "not got"
            Stage.seen.tell(event)
            me.held.extend([lock] if got else [])
            return got


def look(turns: Turns, me: Actor, lock: Any) -> bool:
    """Look whether a lock is taken, which is an attempt to take it without waiting."""
    event = Stage.seen.lock(me, "ask", lock)
    turns.arrive(me, Pending("ask", _token(event, lock, LOOKED), True, event=event))
    got: bool = Stage.seen.attempt(me, lambda: lock._free(me))
    event.value = "free" if got else "taken"
    Stage.seen.tell(event)
    return not got


def _token(event: Any, lock: Any, how: str) -> tuple[tuple[str, int], str] | None:
    """What a step does to a lock, told apart by what it conflicts with.

    The order of taking a library's own lock is its own affair: no reason for a schedule.
    """
    return None if event.inner == "library" else (("lock", id(lock)), how)


def giving(turns: Turns, me: Actor, lock: Any) -> None:
    """A lock is about to be given back: until then, who only looks at it finds it taken."""
    event = Stage.seen.lock(me, "release", lock)
    if not event.inner:
        turns.arrive(me, Pending("release", _token(event, lock, GIVEN), event=event))
    Stage.seen.tell(event)


def given(me: Actor, lock: Any) -> None:
    """Note that a lock was given back, by whoever had it."""
    turns, me.open = Stage.turns, True
    for actor in [me, *(turns.actors if turns else ())]:
        if lock in actor.held:
            actor.held.remove(lock)
            return


class Lock:
    """A lock as `threading.Lock` makes one."""

    def __init__(self) -> None:
        self._inner = allocate_lock()
        self._lock = self._inner  # what some libraries look for

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; False if that was not possible in time."""
        if (stage := playing()) is None:
            return self._inner.acquire(blocking, timeout)
        return take(*stage, self, blocking, timeout)

    def release(self) -> None:
        """Give it back."""
        if stage := playing():
            giving(*stage, self)
        self._inner.release()
        if stage:
            given(stage[1], self)

    def locked(self) -> bool:
        """Whether somebody has it."""
        stage = playing()
        return self._inner.locked() if stage is None else look(*stage, self)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _is_owned(self) -> bool:
        return self._inner.locked()  # what a condition asks; it would try to take it otherwise

    def _free(self, _: Actor) -> bool:
        return not self._inner.locked()

    def _take(self, _: Actor) -> bool:
        return self._inner.acquire(False)

    def _at_fork_reinit(self) -> None:
        self._inner = self._lock = allocate_lock()


class Real:
    """A lock that was made before, by the system: what the program does to it is told by its code.

    Args:
        lock: as `_thread` makes it.
    """

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self._owner: int | None = None
        self._count = 0

    def acquire(self, stage: tuple[Turns, Actor], blocking: bool, timeout: float) -> bool:
        """Take it when its turn has come."""
        if self._owner == get_ident() and not hasattr(self.lock, "locked"):
            self._count += 1
            return bool(self.lock.acquire())
        return take(*stage, self, blocking, timeout)

    def release(self, stage: tuple[Turns, Actor], native: Callable[[], Any]) -> Any:
        """Give it back."""
        if self._count <= 1:
            giving(*stage, self)
        result = native()
        self._count -= 1
        if self._count <= 0:
            self._owner = None
            given(stage[1], self)
        return result

    def _free(self, _: Actor) -> bool:
        if hasattr(self.lock, "locked"):
            return not self.lock.locked()
        return self._owner in (None, get_ident())

    def _take(self, _: Actor) -> bool:
        if not self.lock.acquire(False):
            return False
        self._owner, self._count = get_ident(), 1
        return True


class RLock:
    """A lock that its holder may take again."""

    def __init__(self) -> None:
        self._inner = PlainRLock()
        self._owner: int | None = None
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it once more, or for the first time; False if that was not possible in time."""
        stage = playing()
        if stage is None or self._owner == get_ident():
            got = self._inner.acquire(blocking, timeout)
            return self._noted(1) if got else False
        return take(*stage, self, blocking, timeout)

    def release(self) -> None:
        """Give it back, as often as it was taken."""
        stage = playing() if self._count == 1 else None
        if stage:
            giving(*stage, self)
        self._inner.release()
        self._count -= 1
        if self._count == 0:
            self._owner = None
        if stage:
            given(stage[1], self)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _noted(self, times: int) -> bool:
        self._owner = get_ident()
        self._count += times
        return True

    def _free(self, _: Actor) -> bool:
        return self._owner in (None, get_ident())

    def _take(self, _: Actor) -> bool:
        return self._inner.acquire(False) and self._noted(1)

    def _is_owned(self) -> bool:
        return self._owner == get_ident()

    def _release_save(self) -> int:
        times = self._count
        for _ in range(times):
            self.release()
        return times

    def _acquire_restore(self, times: int) -> None:
        for _ in range(times):
            self.acquire()

    def _recursion_count(self) -> int:
        return self._count if self._is_owned() else 0

    def _at_fork_reinit(self) -> None:
        self._inner, self._owner, self._count = PlainRLock(), None, 0


class SimpleQueue(queue._PySimpleQueue):  # type: ignore[name-defined, misc]
    """As `queue` has it in Python; who looks at its size waits for his turn."""

    def qsize(self) -> int:
        """How many items are in it."""
        with self._count._cond:
            return len(self._queue)

    def empty(self) -> bool:
        """Whether there is none."""
        return self.qsize() == 0


def is_set(event: threading.Event) -> bool:
    """`Event.is_set`: a look at a time at which nobody sets it."""
    if playing() is None:
        return _is_set(event)
    with event._cond:  # type: ignore[attr-defined]
        return _is_set(event)


def sleep(seconds: float) -> None:
    """`time.sleep`: in an exploration, a place where others may go on, and no time at all."""
    if (stage := playing()) is None:
        _sleep(seconds)
        return
    turns, me = stage
    me.open, me.naps = True, me.naps + 1
    event = Stage.seen.lock(me, "sleep", seconds)
    turns.arrive(me, Pending("sleep", yields=True, event=event))
    Stage.seen.tell(event)


def start(thread: threading.Thread) -> None:
    """`Thread.start`: a thread that an actor starts is an actor too."""
    if (stage := playing()) is None:
        thread._daemonic |= Stage.daemons  # type: ignore[attr-defined]
        _start(thread)
        return
    turns, me = stage
    run = thread.run
    actor = turns.add(thread.name, run)
    thread.run = lambda: turns.live(actor)  # type: ignore[method-assign]
    thread.daemon = True
    thread.__dict__["_instep_actor"] = actor
    me.silent = True  # what it takes to start one is no step of the program
    try:
        _start(thread)
    finally:
        me.silent = False


def join(thread: threading.Thread, timeout: float | None = None) -> None:
    """`Thread.join`: waits for the turn in which the other one is done."""
    stage, actor = playing(), thread.__dict__.get("_instep_actor")
    if stage is None or actor is None:
        _join(thread, timeout)
        return
    turns, me = stage
    event = Stage.seen.lock(me, "join", thread)
    ready, limited = (lambda: actor.done), timeout is not None
    pending = Pending("join", ready=ready, timed=limited, event=event, subject=thread)
    turns.arrive(me, pending)
    me.late = False
    Stage.seen.tell(event)


NAMES: tuple[tuple[Any, str, Any], ...] = (
    (threading, "Lock", Lock),
    (threading, "RLock", RLock),
    (threading, "_allocate_lock", Lock),
    (queue, "SimpleQueue", SimpleQueue),
    (threading.Event, "is_set", is_set),
    (time, "sleep", sleep),
    (threading.Thread, "start", start),
    (threading.Thread, "join", join),
)


@contextmanager
def cooperative() -> Iterator[None]:
    """Within it, locks that are made and threads that are started wait for turns.

    They go on working afterwards, as plain ones.
    """
    before = [getattr(owner, name) for owner, name, _ in NAMES]
    for owner, name, new in NAMES:
        setattr(owner, name, new)
    try:
        yield
    finally:
        for (owner, name, _), old in zip(NAMES, before, strict=True):
            setattr(owner, name, old)
