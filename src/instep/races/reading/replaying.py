"""Calls that were walked before: their accesses are told again instead of being walked again.

How it stays right. A body does the same wherever it is called with the same shared objects, under
the same locks. What it noted then is noted again, with numbers, locks and the path of calls moved
to where it is called now. What came from the caller then comes from this caller. A private object
that it is given counts by what is in it, as long as the body only reads it; one that it makes and
returns is made again. A body that was left early, or that does more to its caller's objects, is
walked each time; and so is one that looked at what has been given more to hold since.
"""

from __future__ import annotations

from dataclasses import dataclass

from instep.races.reading.copying import (
    DEEPEST,
    MOST_PARTS,
    Copies,
    Outsider,
    inside,
    is_private,
)
from instep.races.reading.model import Hold, Location, Place
from instep.races.reading.trace import Note, Trace
from instep.races.reading.values import NO_READS, Object, Partial, Value

MOST_NOTES = 400
MOST_TOLD = 2000
MOST_TIMES = 3
"""In one trace; more of the same tells nothing new."""

Reads = tuple[frozenset[int], ...]


@dataclass(slots=True)
class Mark:
    """How a trace stood when a call began."""

    start: int
    ticks: int
    holds: int
    held: tuple[Hold, ...]
    guards: frozenset[int]
    depth: int
    starts: int
    cuts: int
    growth: int
    outsiders: int


@dataclass(slots=True)
class Silence:
    """What a call returns that touches nothing.

    Args:
        value: that.
        private: it was given private objects, which it may have changed.
        only: it was cut short, which is right for this walk only; 0 if it was not.
    """

    value: Value
    private: bool
    only: int


@dataclass(slots=True)
class Recording:
    """What a call did."""

    mark: Mark
    notes: list[Note]
    ticks: int
    holds: int
    guards: frozenset[int]
    met: frozenset[int]
    refused: frozenset[int]
    value: Value
    starts: list[tuple[str, frozenset[int]]]
    reads: Reads
    outsiders: dict[int, Outsider]
    born: int
    only: int
    growth: int
    walk: int = 0
    times: int = 0

    def again(self, trace: Trace) -> bool:
        """Whether it shall be told once more in a trace."""
        if not self.notes:
            return True
        if self.walk != trace.walk:
            self.walk, self.times = trace.walk, 0
        self.times += 1
        return self.times <= MOST_TIMES and len(trace.notes) < MOST_TOLD

    def holds_good(self, walk: int, changed: dict[Location, int], growth: int) -> bool:
        """Whether nothing that it looked at was given more to hold since."""
        if self.only and self.only != walk:
            return False
        if self.growth != growth:
            if any(changed.get(note.location, -1) > self.growth for note in self.notes):
                return False
            self.growth = growth
        return True


def shape(value: Value, depth: int = 0) -> object:
    """What a body can see of an argument, besides what it is; None if that is too much to say."""
    if not value.things:
        return value.text, value.kind
    parts: list[object] = [value.text, value.kind, value.constant()]
    for thing in value.things:
        if isinstance(thing, Object) and is_private(thing):
            part = shape_of(thing, depth)
        else:
            owner = inside(thing)
            part = None if isinstance(thing, Partial) or (owner and is_private(owner)) else ()
        if part is None:
            return None
        if part:
            parts.append(part)
    return tuple(parts)


def shape_of(thing: Object, depth: int) -> object:
    """What a body can see of a private object."""
    count = len(thing.items) + len(thing.attributes)
    if thing.cls is not None or thing.held or count > MOST_PARTS or depth > DEEPEST:
        return None
    parts: list[object] = ["private", thing.site, thing.what]
    for held in (thing.items, thing.attributes):
        for key, value in held.items():
            part = shape(value, depth + 1)
            if part is None:
                return None
            parts += (key, part, *(one for one in value.things if not is_private(one)))
    return tuple(parts)


def shapes(values: tuple[Value, ...], reads: Reads) -> tuple[object, ...] | None:
    """What a body can see of all of its arguments, and which of them come from the same reads."""
    found = [shape(value) for value in values]
    if None in found:
        return None
    return (*found, *[reads.index(one) if one else -1 for one in reads])


def begun(trace: Trace, stack: tuple[Place, ...], cuts: int, growth: int, outsiders: int) -> Mark:
    """Remember how a trace stands."""
    return Mark(
        len(trace.notes),
        trace.ticks,
        trace.holds,
        trace.held,
        trace.guards,
        len(stack),
        len(trace.starts),
        cuts,
        growth,
        outsiders,
    )


def recorded(
    trace: Trace, mark: Mark, value: Value, reads: Reads, outsiders: list[Outsider], only: int
) -> Recording | None:
    """What was done since a mark, if it can be told again."""
    notes = trace.notes[mark.start :]
    if trace.held != mark.held or len(notes) > MOST_NOTES:
        return None
    new = frozenset(one for one in trace.guards - mark.guards if one >= mark.start)
    made = {id(one[0]): one for one in outsiders[mark.outsiders :]} if value.things else {}
    copies = Copies(trace.walk, trace.walk, same, made)
    value = copies.value(value)
    made = {id(one[0]): one for one in copies.outsiders}
    return Recording(
        mark,
        notes,
        trace.ticks - mark.ticks,
        trace.holds - mark.holds,
        new,
        new & trace.met,
        new & trace.refused,
        value,
        trace.starts[mark.starts :],
        reads,
        made,
        trace.walk,
        only,
        mark.growth,
    )


def replayed(
    trace: Trace,
    known: Recording,
    stack: tuple[Place, ...],
    reads: Reads,
    in_loop: bool,
    outsiders: list[Outsider],
    told: bool,
) -> Value:
    """Tell a recording again at the end of a trace.

    Args:
        trace: where.
        known: what.
        stack: the calls that lead to the body now.
        reads: what each argument comes from now.
        in_loop: the call is made once per turn of a loop.
        outsiders: gets what is made again of the outside.
        told: its accesses are noted again, too.

    Returns:
        What the call returns.
    """
    mark = known.mark
    move = Move(mark, len(trace.notes) - mark.start, known.reads, reads)
    if told and known.notes:
        tell(trace, known, move, stack, in_loop)
    trace.starts += [(name, move.inside(guards) | trace.guards) for name, guards in known.starts]
    trace.ticks += known.ticks
    trace.holds += known.holds
    move.end = len(trace.notes)
    trace.guards |= move.inside(known.guards)
    trace.met |= move.inside(known.met)
    trace.refused |= move.inside(known.refused)
    copies = Copies(known.born, trace.walk, move.numbers, known.outsiders)
    value = copies.value(known.value)
    outsiders += copies.outsiders
    return value


def same(numbers: frozenset[int]) -> frozenset[int]:
    """Numbers in the walk that they are of."""
    return numbers


def tell(
    trace: Trace, known: Recording, move: Move, stack: tuple[Place, ...], in_loop: bool
) -> None:
    """Note again what was noted."""
    mark, guards = known.mark, trace.guards
    met, refused = guards & trace.met, guards & trace.refused
    held_then, held_now = set(mark.held), frozenset(trace.held)
    holds, ticks = trace.holds - mark.holds, trace.ticks - mark.ticks
    depth = mark.depth
    for note in known.notes:
        trace.notes.append(
            Note(
                note.kind,
                note.location,
                note.place,
                note.key,
                note.method,
                note.value,
                own(note, held_then, holds) | held_now if note.held else held_now,
                move.numbers(note.depends),
                move.inside(note.guards) | guards,
                note.calls,
                (*stack, *note.stack[depth:]),
                note.atomic,
                note.loop or in_loop,
                note.tick + ticks,
                move.inside(note.met) | met,
                move.inside(note.refused) | refused,
            )
        )


def own(note: Note, held_then: set[Hold], holds: int) -> frozenset[Hold]:
    """The locks that the body took itself, as new holds."""
    return frozenset(
        Hold(one.lock, one.number + holds) for one in note.held if one not in held_then
    )


@dataclass(slots=True)
class Move:
    """From the numbers of one place in a trace to those of another."""

    mark: Mark
    offset: int
    then: Reads
    now: Reads
    end: int = 1 << 60

    def inside(self, numbers: frozenset[int]) -> frozenset[int]:
        """The accesses of the body itself."""
        if not numbers:
            return NO_READS
        start, offset, end = self.mark.start, self.offset, self.end
        return frozenset([one + offset for one in numbers if start <= one < end - offset])

    def numbers(self, numbers: frozenset[int]) -> frozenset[int]:
        """The accesses of the body, and what the arguments come from that came from there."""
        if not numbers:
            return NO_READS
        moved = self.inside(numbers)
        if len(moved) < len(numbers):
            for then, now in zip(self.then, self.now, strict=True):
                if not then.isdisjoint(numbers):
                    moved = moved | now
        return moved
