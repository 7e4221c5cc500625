"""Turns: threads that run one at a time, and a policy that decides at every step which one.

How it stays right. Each actor is a real thread that waits at its own gate. The thread that has the
turn says what it is about to do (an access, a lock, a sleep), asks the policy who goes on, opens
that one's gate and waits at its own; so exactly one runs, and the order is the policy's, not the
system's (CHESS: Musuvathi and Qadeer, 2007). Who waits for a lock that is taken is not asked; when
nobody can go on and somebody is not done, that is a deadlock. A thread that blocks in something
unknown (a socket, a lock of C) is seen by its processor time standing still: it is left to itself,
another one goes on, and it lines up again when it is back.
"""

from __future__ import annotations

import sys
import threading
import time
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from instep.races.exploring.choosing import Key, Policy

OWN = __file__.rpartition("exploring")[0]
"""Calls into files below it are the finder's, not the program's."""

TICK = 0.02
"""Seconds between two looks at the thread that runs."""

STANDING = 3
"""So many looks without progress and without processor time: it blocks in something unknown."""

ENDLESS = 20_000
"""Steps, or turns of a loop, after which a thread waits for another one, and must let it go on."""


@dataclass(slots=True)
class Pending:
    """What a thread is about to do.

    Args:
        what: `start`, `read`, `write`, `test`, `iterate`, `acquire`, `sleep`, `join`.
        token: of the location or lock, equal for equal ones within this run.
        writes: it changes the location, or takes the lock.
        ready: whether it could be done now without waiting.
        timed: it need not wait for ever.
        yields: a switch here is the program's own wish, and no preemption.
        event: the line of the story that it will be.
        subject: the lock or thread that is waited for.
    """

    what: str
    token: Any = None
    writes: bool = False
    ready: Callable[[], bool] = lambda: True
    timed: bool = False
    yields: bool = False
    event: Any = None
    subject: Any = None


@dataclass(slots=True, eq=False)
class Actor:
    """One thread of the exploration; the first ones are the requests."""

    number: int
    name: str
    call: Callable[[], Any]
    gate: Any = field(default_factory=allocate_lock)
    pending: Pending | None = None
    events: int = 0
    attempts: int = 0
    row: int = 0
    naps: int = 0
    turned: int = 0
    open: bool = True
    site: Any = None
    done: bool = False
    away: bool = False
    late: bool = False
    silent: bool = False
    native: int = 0
    held: list[Any] = field(default_factory=list)
    answer: Any = None
    unsettled: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One executed operation at which another thread could have gone on."""

    actor: int
    number: int
    what: str
    token: Any
    writes: bool
    enabled: tuple[int, ...]
    key: Key
    preempts: bool
    open: bool
    yields: bool


class Turns:
    """Runs calls as threads, one at a time.

    Args:
        calls: names, and what to call.
        policy: who goes on at each step.
    """

    def __init__(self, calls: Sequence[tuple[str, Callable[[], Any]]], policy: Policy) -> None:
        self.actors: list[Actor] = []
        self.steps: list[Step] = []
        self.policy = policy
        self.turn: Actor | None = None
        self.waits: list[tuple[Actor, Pending]] = []
        self.overdue = False
        self.left_alone = 0
        self._threads: dict[int, Actor] = {}
        self._mutex = allocate_lock()
        self._over = allocate_lock()
        self._over.acquire()
        for name, call in calls:
            self.add(name, call)
        self.asked = len(self.actors)

    def add(self, name: str, call: Callable[[], Any]) -> Actor:
        """One more actor, which waits for its first turn."""
        actor = Actor(len(self.actors), name, call, pending=Pending("start", yields=True))
        actor.gate.acquire()
        self.actors.append(actor)
        return actor

    def me(self) -> Actor | None:
        """The actor that the calling thread is, if it is one and not inside of the finder."""
        actor = self._threads.get(get_ident())
        return None if actor is None or actor.silent else actor

    def run(self, limit: float) -> None:
        """Run all to their ends, or to a deadlock, or until the limit in seconds."""
        for actor in list(self.actors):
            thread = threading.Thread(target=self.live, args=(actor,), daemon=True)
            thread.name = actor.name
            thread.start()
        with self._mutex:
            self._next(None)
        deadline = time.monotonic() + limit
        look = _Look()
        while not self._over.acquire(timeout=TICK):
            if time.monotonic() > deadline:
                self.overdue = True
                return
            running = self.turn
            if running is not None and look.stands(running, len(self.steps)):
                self._leave_alone(running)

    def live(self, actor: Actor) -> None:
        """What a thread does: wait for its first turn, call, say that it is done."""
        actor.native = threading.get_native_id()
        actor.gate.acquire()
        self._threads[get_ident()] = actor
        self._listen(actor)
        try:
            actor.answer = actor.call()
        finally:
            sys.setprofile(None)
            actor.silent = True
            with self._mutex:
                self._end(actor)

    def _end(self, actor: Actor) -> None:
        if actor.unsettled:
            actor.unsettled()
        actor.done, actor.events = True, actor.events + 1
        if actor.away and self.turn is not None:
            return
        actor.away = False
        self._next(actor)

    def arrive(self, me: Actor, pending: Pending) -> None:
        """Say what comes next, and wait until it may be done."""
        me.silent = True
        with self._mutex:
            me.pending = pending
            busy = me.away and self.turn is not None
            me.away = False
            if not busy:
                self._next(me)
        me.gate.acquire()
        me.silent = False
        self._listen(me)

    def _next(self, arriver: Actor | None) -> None:
        """Decide who goes on, and open its gate; the mutex is held."""
        waiting = [(a, a.pending) for a in self.actors if a.pending is not None and not a.done]
        enabled = [actor for actor, pending in waiting if pending.ready()]
        if not enabled and not self._asked_are_done():
            enabled = [actor for actor, pending in waiting if pending.timed][:1]
            for actor in enabled:
                actor.late = True
        if not enabled:
            self._nobody(waiting)
            return
        key = (arriver.number, arriver.events) if arriver else (-1, 0)
        current = arriver if arriver in enabled else None
        chosen = self._fair(current, enabled) or self.policy.choose(key, current, enabled)
        self._record(key, current, chosen, enabled)
        self.turn, chosen.pending = chosen, None
        chosen.gate.release()

    def _record(self, key: Key, current: Actor | None, chosen: Actor, enabled: list[Actor]) -> None:
        pending = chosen.pending
        assert pending is not None
        leaves = current is not None and chosen is not current and current.pending is not None
        preempts = bool(leaves and current and current.pending and not current.pending.yields)
        chosen.row += 1
        if chosen is not current:
            chosen.row = chosen.naps = chosen.turned = 0
        self.steps.append(
            Step(
                chosen.number,
                chosen.events,
                pending.what,
                pending.token,
                pending.writes,
                tuple(actor.number for actor in enabled),
                key,
                preempts,
                chosen.open,
                pending.yields,
            )
        )
        chosen.open = pending.what == "start"

    def _fair(self, current: Actor | None, enabled: list[Actor]) -> Actor | None:
        """Somebody else, if one has gone on for so long that it must be waiting for another."""
        others = [actor for actor in enabled if actor is not current]
        if current is None or not others:
            return None
        waits = current.row >= ENDLESS or current.naps > self.policy.naps
        return others[0] if waits else None

    def turned(self, me: Actor) -> None:
        """One more turn of a loop that is no step; who turns for ever waits for another one."""
        me.turned += 1
        if me.turned >= ENDLESS:
            me.row = ENDLESS
            self.arrive(me, Pending("sleep", yields=True))
            me.silent = True

    def _nobody(self, waiting: list[tuple[Actor, Pending]]) -> None:
        """Nobody can go on: all is done, or it is a deadlock, or somebody is away."""
        self.turn = None
        if any(actor.away and not actor.done for actor in self.actors):
            if not self._asked_are_done():
                return
        elif not self._asked_are_done():
            self.waits = waiting
        if self._over.locked():
            self._over.release()

    def _asked_are_done(self) -> bool:
        return all(actor.done for actor in self.actors[: self.asked])

    def _leave_alone(self, actor: Actor) -> None:
        with self._mutex:
            if self.turn is actor and not actor.done:
                actor.away, self.left_alone = True, self.left_alone + 1
                self._next(None)

    def _listen(self, actor: Actor) -> None:
        """Hear of the first call that the program makes: a place where threads can switch."""

        def hear(frame: Any, event: str, _: Any) -> None:
            if actor.silent or event not in ("call", "c_call") or _is_own(frame):
                return
            if event == "c_call" or not _is_own(frame.f_back):
                actor.open = True
                sys.setprofile(None)

        sys.setprofile(None if actor.open else hear)


class _Look:
    """Tells a thread that computes from one that waits for something outside."""

    def __init__(self) -> None:
        self.last: tuple[Any, ...] = ()
        self.same = 0

    def stands(self, actor: Actor, steps: int) -> bool:
        """Whether nothing has moved for several looks."""
        now = (actor.number, actor.events, steps, *_processor(actor.native))
        self.same = self.same + 1 if now == self.last and "R" not in now else 0
        self.last = now
        return self.same >= STANDING


def _is_own(frame: Any) -> bool:
    return frame is not None and frame.f_code.co_filename.startswith(OWN)


def _processor(native: int) -> tuple[str, ...]:
    """State and processor time of a thread, where the system tells."""
    try:
        with open(f"/proc/self/task/{native}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return ()
    return fields[0], fields[11], fields[12]
