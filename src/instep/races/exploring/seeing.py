"""What an exploration sees of the program: accesses and locks become steps, and lines of a story.

An access is a step, before which another thread may go on, only if its place is a candidate: a
place where in some run a location was touched that two actors touch, one of them writing, without
a common lock (Eraser: Savage et al., 1997). All other accesses cost a look and nothing else.
"""

from __future__ import annotations

import sys
from _thread import LockType
from _thread import RLock as PlainRLock
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from instep.races.exploring import naming
from instep.races.exploring.locks import Real, playing
from instep.races.exploring.plan import Spot
from instep.races.exploring.sharing import Sharing
from instep.races.exploring.turns import OWN, Actor, Pending, Turns
from instep.races.exploring.windows import can_switch
from instep.races.watching import WHOLE, Listener, Site
from instep.races.watching.locks import watched

TWICE = 2
"""An access in a loop is a step the first times only, unless the policy asks for all."""

OFTEN = 3
"""A line that an actor repeats is told so many times, and the last time."""

UPDATES = ("write", "update")


@dataclass(slots=True, eq=False)
class Event:
    """One line of the story.

    Args:
        actor: its number.
        count: which event of this actor.
        what: `read`, `write`, `update`, `test`, `iterate`, `acquire`, `release`, `ask`, `sleep`,
            `join`.
        path: of the source, empty if it is not the program's.
        line: of the source.
        subject: the owner, key and whether it is an item, of an access; or the lock.
        value: what was read or written, in words.
        text: what the source calls it.
        time: how often this actor has been here.
        number: its place in the story.
        inner: what it is inside of: nothing, a `queue` (or event, condition, semaphore), another
            module of the `standard` library, a `library`.
    """

    actor: int
    count: int
    what: str
    path: str
    line: int
    subject: Any
    value: Any = ""
    text: str = ""
    time: int = 1
    number: int = 0
    inner: str = ""


class Seen(Listener):
    """Listens to the instrumented program in a forked child.

    Args:
        turns: who runs.
        candidates: where steps are.
    """

    steps = True

    def __init__(self, turns: Turns, candidates: frozenset[Spot]) -> None:
        self.turns = turns
        self.candidates = candidates
        self.story: list[Event] = []
        self.tails: dict[Any, Event] = {}
        self.told: dict[Any, int] = {}
        self.events = 0
        self.sharing = Sharing()
        self.accesses = 0
        self.turned: Counter[Any] = Counter()
        self.real: dict[int, Real] = {}
        self.refused: list[tuple[int, int]] = []

    def access(self, kind: str, owner: object, key: object, site: Site) -> None:
        """An access is about to be made."""
        me = self.turns.me()
        if me is None:
            return
        me.silent = True
        try:
            self._access(me, kind, owner, key, site)
        finally:
            me.silent = False

    def _access(self, me: Actor, kind: str, owner: Any, key: Any, site: Site) -> None:
        if me.unsettled is not None:
            self.settle(me)
        me.events += 1
        self.accesses += 1
        writes = kind in UPDATES
        self.sharing.touch(me, owner, key, site, writes)
        if not me.open and _can_switch(me.site, site, writes):
            me.open = True
            sys.setprofile(None)  # nothing more to hear
        me.site = site
        where = (me.number, id(site), id(owner), key)
        self.told[where] = time = self.told.get(where, 0) + 1
        if time > OFTEN and not self.turns.policy.everywhere:
            self._again(me, where, time, kind, owner, key, site)
            return
        place = site.place
        event = Event(
            me.number, me.events, kind, place.path, place.line, (owner, key, site.item),
            text=site.text, time=time,
        )  # fmt: skip
        spot = (place.path, place.line, place.column)
        if spot in self.candidates and self._often(me, spot, id(owner), key):
            token = (id(owner), "" if key is WHOLE else repr(key))
            self.turns.arrive(me, Pending(kind, token, writes, event=event))
            me.silent = True
        if kind != "write":
            event.value = _value(owner, key, site.item)
        if writes:
            me.unsettled = _later(event, owner, key, site.item)
        self.tell(event)

    def _again(
        self, me: Actor, where: Any, time: int, kind: str, owner: Any, key: Any, site: Site
    ) -> None:
        """One more turn of a loop: no step, and only the last one is told."""
        self.turns.turned(me)
        event = self.tails.get(where)
        if event is None:
            place = site.place
            event = self.tails[where] = Event(
                me.number, 0, kind, place.path, place.line, None, text=site.text
            )
        self.events += 1
        event.count, event.time, event.number = me.events, time, self.events
        event.subject = (owner, key, site.item)
        value = owner if key is WHOLE else naming.peek(owner, key, site.item)
        event.value = value if type(value) is int else naming.text(value)
        if kind in UPDATES:
            me.unsettled = _later(event, owner, key, site.item)

    def _often(self, me: Actor, *where: Any) -> bool:
        self.turned[me.number, *where] += 1
        return self.turns.policy.everywhere or self.turned[me.number, *where] <= TWICE

    def settle(self, me: Actor) -> None:
        """Look at what the last write of this thread has left, before anything else happens."""
        if me.unsettled is not None:
            settled, me.unsettled = me.unsettled, None
            settled()

    def tell(self, event: Event) -> None:
        """Add a line to the story."""
        event.number = self.events = self.events + 1
        self.story.append(event)

    def lines(self) -> list[Event]:
        """The story; of what a loop repeats, the first times and the last."""
        return sorted([*self.story, *self.tails.values()], key=lambda event: event.number)

    def lock(self, me: Actor, what: str, subject: Any) -> Event:
        """The line for a lock, a sleep or a join that is about to happen."""
        self.settle(me)
        me.events += 1
        me.open = True
        path, line, through = _where()
        return Event(me.number, me.events, what, path, line, subject, inner=through)

    def acquire(
        self, lock: Any, blocking: bool, timeout: float, site: Site, native: Callable[[], Any]
    ) -> Any:
        """A lock of the system waits for its turn as well; the others do so by themselves."""
        stage = playing()
        if stage is None:
            return native()
        taking = native
        if type(lock) in (LockType, PlainRLock):
            taking = partial(self._of(lock).acquire, stage, blocking, timeout)
        return taking() if blocking and timeout < 0 else self.attempt(stage[1], taking)

    def attempt(self, me: Actor, taking: Callable[[], Any]) -> Any:
        """An attempt to take a lock, or a look at it, that may fail; some have to."""
        me.attempts += 1
        this = me.number, me.attempts
        got = this not in self.turns.policy.refused and taking()
        if not got:
            self.refused.append(this)
        return got

    def release(self, lock: Any, site: Site, native: Callable[[], Any]) -> Any:
        """A lock was given back."""
        stage = playing()
        if stage is None or type(lock) not in (LockType, PlainRLock):
            return native()
        return self._of(lock).release(stage, native)

    def _of(self, lock: Any) -> Real:
        return self.real.setdefault(id(lock), Real(lock))


def _can_switch(before: Site | None, site: Site, writes: bool) -> bool:
    """Whether a thread can be switched between two accesses; the same one again is a loop."""
    if before is None:
        return False
    return before is site or can_switch(before.place, site.place, writes)


def _value(owner: Any, key: Any, item: bool) -> str:
    return naming.text(owner if key is WHOLE else naming.peek(owner, key, item))


def _later(event: Event, owner: Any, key: Any, item: bool) -> Callable[[], None]:
    """Look at a value after it was written."""

    def look() -> None:
        after = _value(owner, key, item)
        event.value = f"{event.value} → {after}" if event.what == "update" else after

    return look


def _where() -> tuple[str, int, str]:
    """The program's own line that is behind what happens, and what is in between."""
    frame: Any = sys._getframe(2)
    through = ""
    while frame is not None:
        path = frame.f_code.co_filename
        if path in watched:
            return path, frame.f_lineno, through
        if "site-packages" in path:
            through = "library"
        elif not path.startswith(OWN):
            waits = frame.f_globals.get("__name__") in ("threading", "queue")
            through = through or ("queue" if waits else "standard")
        frame = frame.f_back
    return "", 0, "library"
