"""The trace of one walk: accesses in order, with what is held, tested and called between them.

How it stays right. An access carries the locks held when it happens (the lockset of Eraser, Savage
et al. 1997), the earlier reads its value comes from and the earlier tests that decide about it, and
the number of calls in between: each is a point where the interpreter may switch threads.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from instep.races.reading.frames import Frame
from instep.races.reading.model import Access, Hold, Kind, Location, Lock, Place, Role
from instep.races.reading.values import NO_READS, bounded

MOST_ACCESSES = 3000
"""In one trace; a walk that finds more stops noting."""
MOST_ALIKE = 4
"""Looks at one thing from one place, under the same locks; more of them tell nothing new."""


@dataclass(slots=True)
class Note:
    """An access while its trace is still being written."""

    kind: Kind
    location: Location
    place: Place
    key: str | None
    method: str
    value: str
    held: frozenset[Hold]
    depends: frozenset[int]
    guards: frozenset[int]
    calls: int
    stack: tuple[Place, ...]
    atomic: bool
    loop: bool
    tick: int
    met: frozenset[int]
    refused: frozenset[int]


@dataclass(frozen=True, slots=True)
class Told:
    """What a test says of the accesses that decide it.

    Args:
        there: those that have found something if the test holds.
        gone: those that have found something if it does not hold.
    """

    there: frozenset[int] = NO_READS
    gone: frozenset[int] = NO_READS

    def turned(self) -> Told:
        """What it says if the test does not hold."""
        return Told(self.gone, self.there) if self is not NOTHING_TOLD else self


NOTHING_TOLD = Told()


@dataclass(slots=True)
class Detail:
    """What else is known of an access when it is noted."""

    key: str | None = None
    method: str = ""
    value: str = ""
    depends: frozenset[int] = NO_READS
    atomic: bool = False


PLAIN = Detail()


@dataclass(slots=True)
class Trace:
    """What one actor does, in order.

    Args:
        role: when the actor runs; of what runs at the start only writes are noted.
        walk: the number of the walk, which tells its private objects from others'.
    """

    role: Role
    walk: int
    notes: list[Note] = field(default_factory=list)
    guards: frozenset[int] = NO_READS
    held: tuple[Hold, ...] = ()
    ticks: int = 0
    holds: int = 0
    answers: set[int] = field(default_factory=set)
    starts: list[tuple[str, frozenset[int]]] = field(default_factory=list)
    met: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    alike: dict[object, list[int]] = field(default_factory=dict)
    most: int = MOST_ACCESSES
    """So many may be noted where the walk is now."""

    def note(
        self, kind: Kind, location: Location, node: ast.AST, frame: Frame, detail: Detail = PLAIN
    ) -> frozenset[int]:
        """Add an access; returns its number as a set, ready to be depended on."""
        if self.role is Role.STARTUP and kind not in (Kind.WRITE, Kind.UPDATE):
            return NO_READS
        number = len(self.notes)
        if number >= self.most:
            return NO_READS
        if number and self.again(kind, location, node, frame):
            return frozenset((number - 1,))
        if kind not in (Kind.WRITE, Kind.UPDATE):
            alike = self.alike.setdefault((id(node), location, detail.key, self.held), [])
            if len(alike) == MOST_ALIKE:
                return frozenset(alike[-1:])
            alike.append(number)
        depends = bounded(frozenset(one for one in detail.depends if one < number))
        guards = bounded(frozenset(one for one in self.guards if one < number))
        self.notes.append(
            Note(
                kind,
                location,
                frame.place(node),
                detail.key,
                detail.method,
                detail.value,
                frozenset(self.held),
                depends,
                guards,
                self.between(depends or guards),
                frame.stack,
                detail.atomic,
                frame.loops > 0,
                self.ticks,
                guards & self.met,
                guards & self.refused,
            )
        )
        return NO_READS if self.role is Role.STARTUP else frozenset((number,))

    def again(self, kind: Kind, location: Location, node: ast.AST, frame: Frame) -> bool:
        """Whether the last access was this very one, of another object of the same place."""
        last = self.notes[-1]
        return (
            last.location == location
            and last.kind is kind
            and last.tick == self.ticks
            and last.place.line == getattr(node, "lineno", 0)
            and last.place.column == getattr(node, "col_offset", 0)
            and last.stack == frame.stack
        )

    def between(self, earlier: frozenset[int]) -> int:
        """How many calls lie between the last of some accesses and now."""
        if not earlier:
            return 0
        return self.ticks - self.notes[max(earlier)].tick

    def learn(self, told: Told) -> None:
        """From now on the accesses of a test have found something, or nothing."""
        if told is not NOTHING_TOLD:
            self.met |= told.there
            self.met -= told.gone

    def full(self) -> bool:
        """Whether a walk has no more to tell where it is now; what runs alone also defines."""
        return len(self.notes) >= self.most and self.role not in (Role.STARTUP, Role.COMMAND)

    def call(self) -> None:
        """A call: the interpreter may switch here."""
        self.ticks += 1

    def take(self, lock: Lock) -> Hold:
        """Hold a lock from now on."""
        self.holds += 1
        hold = Hold(lock, self.holds)
        self.held = (*self.held, hold)
        return hold

    def give(self, lock: Lock) -> None:
        """Hold it no longer."""
        for hold in reversed(self.held):
            if hold.lock == lock:
                self.held = tuple(one for one in self.held if one is not hold)
                return

    def tested(self, start: int, frame: Frame) -> frozenset[int]:
        """What was read since a number only to decide, in this very function, is a test."""
        for note in self.notes[start:]:
            if note.kind is Kind.READ and note.stack == frame.stack:
                note.kind = Kind.TEST
        return frozenset(range(start, min(len(self.notes), start + 12)))

    def accesses(self) -> list[Access]:
        """The finished trace."""
        answered = self.answered()
        return [
            Access(
                number,
                note.kind,
                note.location,
                note.place,
                note.key,
                note.method,
                note.value,
                note.held,
                note.depends,
                note.guards,
                note.calls,
                note.stack,
                number in answered,
                note.atomic,
                note.loop,
                note.met,
                note.refused,
            )
            for number, note in enumerate(self.notes)
        ]

    def answered(self) -> set[int]:
        """The accesses whose value, or what comes from it, is in the answer."""
        pending = list(self.answers)
        done: set[int] = set()
        while pending:
            number = pending.pop()
            if number not in done and number < len(self.notes):
                done.add(number)
                pending.extend(self.notes[number].depends)
        return done
