"""Which schedules to run next: those that turn two conflicting steps of a seen schedule around.

How it stays right. Two schedules that differ only in the order of steps that do not touch the same
thing end alike, so a schedule is worth running only if it turns a conflict around: dynamic partial
order reduction (Flanagan and Godefroid, 2005). The number of preemptions is bounded, since most
races need one or two (CHESS: Musuvathi and Qadeer, 2007); under a bound the turn must also be
tried where the thread began its block or gave way, which costs no preemption (Coons, Musuvathi and
McKinley, 2013). A schedule whose conflicts went in an order that was seen before has no children.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

from instep.races.exploring.choosing import Key
from instep.races.exploring.plan import Move, Run

Decisions = Mapping[Key, int]
Conflict = tuple[int, int]


class Search:
    """A queue of schedules.

    Args:
        preemptions: at most so many in one schedule.
        known: schedules that need not be run again.
    """

    def __init__(self, preemptions: int, known: Iterable[Decisions] = ()) -> None:
        self.bound = preemptions
        self._queue: list[tuple[int, int, int, tuple[tuple[Key, int], ...]]] = []
        self._known = {tuple(decisions.items()) for decisions in known}
        self._seen: set[frozenset[tuple[int, ...]]] = set()
        self._number = count()
        self.dropped = False

    def __len__(self) -> int:
        return len(self._queue)

    def depth(self) -> int:
        """How many preemptions the next one has; 0 if there is none."""
        return self._queue[0][0] if self._queue else 0

    def next(self) -> tuple[Decisions, int]:
        """The most promising one, and at how many steps no interpreter of today can switch."""
        _, closed, _, decisions = heapq.heappop(self._queue)
        return dict(decisions), closed

    def add(self, decisions: Decisions, preemptions: int = 0, closed: int = 0) -> None:
        """One more to be run, if it is new."""
        frozen = tuple(decisions.items())
        if frozen not in self._known:
            self._known.add(frozen)
            heapq.heappush(self._queue, (preemptions, closed, next(self._number), frozen))

    def learn(self, run: Run, decisions: Decisions) -> None:
        """Add the schedules that turn around what conflicted in a run."""
        conflicts = list(_conflicts(run.moves))
        shape = _shape(run.moves, conflicts)
        if shape in self._seen:
            return
        self._seen.add(shape)
        for early, late in conflicts:
            wanted = run.moves[late].actor
            for place in _places(run.moves, early):
                self._turn(run.moves, place, wanted, decisions)

    def _turn(self, moves: Sequence[Move], place: int, wanted: int, decisions: Decisions) -> None:
        """Let somebody else go on at a step."""
        move = moves[place]
        others = [actor for actor in move.enabled if actor != move.actor]
        if not others:
            return
        kept = {earlier.key: decisions[earlier.key] for earlier in moves[:place] if
                earlier.key in decisions}  # fmt: skip
        spent = sum(earlier.preempts for earlier in moves[:place])
        closed = sum(_closed(moves, at) for at in range(place) if moves[at].preempts)
        interrupts = move.key[0] == move.actor and not move.yields
        if spent + interrupts > self.bound:
            self.dropped = True
            return
        closed += interrupts and not move.open
        for actor in [wanted] if wanted in others else others:
            self.add({**kept, move.key: actor}, spent + interrupts, closed)


def _closed(moves: Sequence[Move], place: int) -> bool:
    """Whether the one that was interrupted at a step stood where no interpreter switches."""
    interrupted = moves[place].key[0]
    later = next((move for move in moves[place:] if move.actor == interrupted), None)
    return later is not None and not later.open


def latent(moves: Sequence[Move]) -> bool:
    """Whether a schedule needs a switch that today's CPython with its GIL does not make."""
    return any(move.preempts and _closed(moves, place) for place, move in enumerate(moves))


def _places(moves: Sequence[Move], early: int) -> Iterator[int]:
    """Where to turn: at the step, where its block began, and where its thread last gave way."""
    actor = moves[early].actor
    yield early
    place = early
    while place > 0 and moves[place - 1].actor == actor:
        place -= 1
        if moves[place].yields:
            yield place
            break
    while place > 0 and moves[place - 1].actor == actor:
        place -= 1
    if place != early:
        yield place


def _conflicts(moves: Sequence[Move]) -> Iterator[Conflict]:
    """For each step and each other actor, the last step before it that it conflicts with."""
    by_owner: dict[str, list[int]] = defaultdict(list)
    for late, move in enumerate(moves):
        if not move.token:
            continue
        owner = move.token.partition("/")[0]
        met: set[int] = {move.actor}
        for early in reversed(by_owner[owner]):
            other = moves[early]
            if other.actor not in met and _conflict(other, move):
                met.add(other.actor)
                yield early, late
        by_owner[owner].append(late)


def _conflict(one: Move, other: Move) -> bool:
    if not (one.writes or other.writes):
        return False
    return one.token == other.token or one.token.endswith("/") or other.token.endswith("/")


def _shape(moves: Sequence[Move], conflicts: Sequence[Conflict]) -> frozenset[tuple[int, ...]]:
    """The order of the conflicts, which is all that a schedule is about."""
    return frozenset(
        (moves[a].actor, moves[a].number, moves[b].actor, moves[b].number) for a, b in conflicts
    )
