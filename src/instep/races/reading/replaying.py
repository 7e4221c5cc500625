"""Calls that were walked before: their accesses are told again instead of being walked again.

How it stays right. A body does the same wherever it is called with the same shared objects, under
the same locks. What it noted then is noted again, with numbers, locks and the path of calls moved
to where it is called now. What came from the caller then comes from this caller. Bodies that get or
return private objects are walked each time, since those differ.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from instep.races.reading.model import Hold, Place
from instep.races.reading.trace import Note, Trace
from instep.races.reading.values import NO_READS, Object, Partial, Value

MOST_NOTES = 120
MOST_TOLD = 2000
MOST_TIMES = 3
"""In one trace; more of the same tells nothing new."""


@dataclass(slots=True)
class Mark:
    """How a trace stood when a call began."""

    start: int
    ticks: int
    holds: int
    held: tuple[Hold, ...]
    guards: frozenset[int]
    depth: int


@dataclass(slots=True)
class Recording:
    """What a call did."""

    mark: Mark
    notes: list[Note]
    ticks: int
    holds: int
    guards: frozenset[int]
    value: Value
    walk: int = 0
    times: int = 0

    def again(self, trace: Trace) -> bool:
        """Whether it shall be told once more in a trace."""
        if self.walk != trace.walk:
            self.walk, self.times = trace.walk, 0
        self.times += 1
        return self.times <= MOST_TIMES and len(trace.notes) < MOST_TOLD


def begun(trace: Trace, stack: tuple[Place, ...]) -> Mark:
    """Remember how a trace stands."""
    return Mark(len(trace.notes), trace.ticks, trace.holds, trace.held, trace.guards, len(stack))


def private(value: Value) -> bool:
    """Whether a value has something that belongs to one walk only."""
    return any(
        isinstance(thing, Partial)
        or (isinstance(thing, Object) and thing.home is None and thing.what != "record")
        for thing in value.things
    )


def recorded(trace: Trace, mark: Mark, value: Value) -> Recording | None:
    """What was done since a mark, if it can be told again."""
    notes = trace.notes[mark.start :]
    if trace.held != mark.held or private(value) or len(notes) > MOST_NOTES:
        return None
    new = frozenset(one for one in trace.guards - mark.guards if one >= mark.start)
    return Recording(mark, notes, trace.ticks - mark.ticks, trace.holds - mark.holds, new, value)


def replayed(
    trace: Trace,
    known: Recording,
    stack: tuple[Place, ...],
    reads: frozenset[int],
    in_loop: bool,
) -> Value:
    """Tell a recording again at the end of a trace.

    Args:
        trace: where.
        known: what.
        stack: the calls that lead to the body now.
        reads: what the arguments come from now.
        in_loop: the call is made once per turn of a loop.

    Returns:
        What the call returns.
    """
    offset = len(trace.notes) - known.mark.start
    move = Move(known.mark, offset, reads)
    held_then = set(known.mark.held)
    held_now = frozenset(trace.held)
    holds, ticks = trace.holds - known.mark.holds, trace.ticks - known.mark.ticks
    if known.again(trace):
        trace.notes += [
            moved(note, move, own(note, held_then, holds) | held_now, trace.guards, ticks)
            for note in known.notes
        ]
        for note in trace.notes[-len(known.notes) :]:
            note.stack = (*stack, *note.stack[known.mark.depth :])
            note.loop = note.loop or in_loop
    trace.ticks += known.ticks
    trace.holds += known.holds
    trace.guards |= frozenset(one for one in move.inside(known.guards) if one < len(trace.notes))
    value = known.value
    told = len(trace.notes)
    reads = frozenset(one for one in move.numbers(value.reads) if one < told)
    return Value(value.things, reads, value.kind)


def own(note: Note, held_then: set[Hold], holds: int) -> frozenset[Hold]:
    """The locks that the body took itself, as new holds."""
    return frozenset(
        Hold(one.lock, one.number + holds) for one in note.held if one not in held_then
    )


def moved(
    note: Note, move: Move, held: frozenset[Hold], guards: frozenset[int], ticks: int
) -> Note:
    """An access as it is told again."""
    result = copy(note)
    result.held = held
    result.depends = move.numbers(note.depends)
    result.guards = move.inside(note.guards) | guards
    result.tick, result.after = note.tick + ticks, note.after + ticks
    return result


@dataclass(slots=True)
class Move:
    """From the numbers of one place in a trace to those of another."""

    mark: Mark
    offset: int
    reads: frozenset[int]

    def inside(self, numbers: frozenset[int]) -> frozenset[int]:
        """The accesses of the body itself."""
        if not numbers:
            return NO_READS
        start, offset = self.mark.start, self.offset
        return frozenset(one + offset for one in numbers if one >= start)

    def numbers(self, numbers: frozenset[int]) -> frozenset[int]:
        """The accesses of the body, and of the caller where any came from there."""
        if not numbers:
            return NO_READS
        own = self.inside(numbers)
        return own | self.reads if len(own) < len(numbers) else own
