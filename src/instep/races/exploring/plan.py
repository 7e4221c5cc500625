"""What to explore, how far, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from instep.races.exploring.choosing import Key

Spot = tuple[str, int, int]
"""Path, line and column of an access."""

Answer = dict[str, Any]
"""`what` (status line, or how it ended), `body`, `headers`, and `told`: what it logged."""

Outcome = dict[str, Any]
"""`answers`, `then`, `state`, `invariant` are compared with the orders; `words` tell the state."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one actor does.

    Args:
        name: for people: `POST /order`.
        call: does it, in a forked process, and returns an answer.
    """

    name: str
    call: Callable[[], Answer]


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to go.

    Args:
        schedules: so many at most, the sequential orders not counted.
        seconds: so long at most, for all together.
        timeout: seconds for one schedule; then it hangs.
        preemptions: how often a thread that could go on is interrupted, at most.
        random: so many schedules at random, when all others are done.
        seed: of the random ones.
    """

    schedules: int = 400
    seconds: float = 30.0
    timeout: float = 5.0
    preemptions: int = 2
    random: int = 40
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to explore.

    Args:
        calls: two or three, which run at the same time.
        roots: names and objects from which state is named; a module's `__dict__` as `shop:`.
        before: done first, one after the other, in every schedule.
        then: done at the end, one after the other; their answers count.
        invariant: called at the end; false or an AssertionError is a violation.
        reset: called first, in every schedule: puts back what a fork does not, such as files.
        limits: how far to go.
        replay: the id of one schedule, which alone is run.
        lines: path and line of the only accesses to switch at; all candidates without.
    """

    calls: Sequence[Call]
    roots: Callable[[], Iterable[tuple[str, Any]]] = tuple
    before: Sequence[Call] = ()
    then: Sequence[Call] = ()
    invariant: Callable[[], Any] | None = None
    reset: Callable[[], Any] | None = None
    limits: Limits = Limits()
    replay: str | None = None
    lines: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a story: what an actor did, where, and what it saw.

    Args:
        actor: its number.
        count: which event of this actor it was.
        what: `read`, `write`, `update`, `test`, `iterate`, `acquire`, `release`, `ask` (whether
            a lock is free), `sleep`, `join`; or `use`, of a queue, event or condition.
        path: of the source, empty if it is not the program's.
        line: of the source.
        subject: the name of the location, lock or thread.
        value: what was read or written, in words.
    """

    actor: int
    count: int
    what: str
    path: str
    line: int
    subject: str
    value: str


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a schedule, at which another actor could have gone on.

    Args:
        actor: who went on.
        number: how many events it has had.
        what: as a line has it.
        token: of the location or lock, equal within the run.
        writes: it changes something.
        enabled: who could have gone on.
        key: the moment of the decision.
        preempts: it interrupts somebody.
        open: today's interpreters can switch here.
        yields: the actor itself gave way.
    """

    actor: int
    number: int
    what: str
    token: str
    writes: bool
    enabled: tuple[int, ...]
    key: Key
    preempts: bool
    open: bool
    yields: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One schedule that was run.

    Args:
        outcome: what is compared.
        moves: the steps.
        story: the lines of shared state and locks.
        names: of the actors; those after the calls are threads that they started.
        waits: of a deadlock: actor, what it waits for, who has it (or -1), path and line.
        hangs: it was not over in time.
        misfits: decisions that found no moment.
        spots: the places of candidates that were found.
        watched: the locations of candidates that were found.
        outside: what was used outside of the memory: files written, sockets.
        imported: modules of libraries that were first needed here.
        accesses: how many were seen.
        alone: how often a thread blocked in something that the scheduler does not know.
        refused: attempts to take a lock that failed: whose, and which of his.
    """

    outcome: Outcome
    moves: tuple[Move, ...] = ()
    story: tuple[Line, ...] = ()
    names: tuple[str, ...] = ()
    waits: tuple[tuple[int, str, int, str, int], ...] = ()
    hangs: bool = False
    misfits: int = 0
    spots: frozenset[Spot] = frozenset()
    watched: frozenset[tuple[str, str, str]] = frozenset()
    outside: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()
    accesses: int = 0
    alone: int = 0
    refused: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A schedule that no sequential order explains.

    Args:
        kind: `answers`, `state`, `invariant`, `then`, `deadlock` or `hangs`.
        words: what is wrong, in sentences.
        run: the schedule.
        latent: a switch that today's CPython with its GIL does not make is part of it.
        replay: runs it again.
    """

    kind: str
    words: tuple[str, ...]
    run: Run
    latent: bool
    replay: str


@dataclass(slots=True)
class Exploration:
    """What came of a plan.

    Args:
        calls: their names.
        violation: the first one that was found, an exposed one if there is any.
        orders: the sequential orders and what came of them.
        schedules: how many were run.
        randoms: how many of them at random.
        after: how many after the violation was found, for one that is exposed.
        accesses: how many were seen in a run, at most.
        steps: at how many of them threads could be switched, at most.
        candidates: path and line of each.
        shared: the names of what two of the calls touch and one of them writes.
        complete: all schedules with so many preemptions were run.
        failed: every call failed in every schedule.
        warnings: what makes it worth less.
        confirmed: fingerprints of the findings of `check` that the violation runs through.
        seconds: it took.
        confirmation: seconds until the violation was known.
        limits: as asked.
    """

    calls: tuple[str, ...]
    violation: Violation | None = None
    orders: Mapping[tuple[int, ...], Run] = field(default_factory=dict)
    schedules: int = 0
    randoms: int = 0
    after: int = 0
    accesses: int = 0
    steps: int = 0
    candidates: tuple[tuple[str, int], ...] = ()
    shared: tuple[str, ...] = ()
    complete: bool = False
    failed: bool = True
    warnings: list[str] = field(default_factory=list)
    confirmed: tuple[str, ...] = ()
    seconds: float = 0.0
    confirmation: float = 0.0
    limits: Limits = Limits()

    @property
    def verdict(self) -> str:
        """`wrong`, `right`, or `not run` if nothing worked that could have gone wrong."""
        return "wrong" if self.violation else "not run" if self.failed else "right"
