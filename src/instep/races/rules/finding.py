"""Findings: what a rule says of one piece of state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from instep.races.reading.model import Access, Location, Place, Role


class Severity(StrEnum):
    """How sure it is that this breaks, and how bad it is if it does."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the worst, so that findings sort by it."""
        return _ORDER.index(self)


_ORDER = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)


class Window(StrEnum):
    """Whether a switch point lies between the read and the write."""

    EXPOSED = "exposed"
    """It breaks on today's interpreters."""
    LATENT = "latent"
    """Closed by an accident of CPython 3.10 to 3.13 with the GIL only; open on 3.9, on builds
    without the GIL, and always between processes."""
    PROCESSES = "processes"
    """One process is right; several disagree, whatever locks they take."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Who reaches the state: a view, a hook, a job.

    Args:
        name: of the function, dotted.
        role: when it runs.
        routes: what asks for it, such as `POST /order`.
        path: of the file that it stands in.
    """

    name: str
    role: Role
    routes: tuple[str, ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True)
class Also:
    """Another thing that is wrong with the same state.

    Args:
        rule: its id.
        title: what it is, in a few words.
        place: the line to look at.
        read: where it is read or tested before, if that matters.
    """

    rule: str
    title: str
    place: Place
    read: Place | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that breaks, once for each piece of state and rule.

    Args:
        rule: its id, such as `IS101`.
        severity: high, medium or low.
        window: when it breaks.
        location: the state.
        title: what it is, in a few words: "the global `hits` is read, changed and written back".
        consequence: what can go wrong, in one sentence a shop owner understands.
        place: the line to look at first, which is the write.
        read: where it is read or tested, if that matters.
        writes: every place where this happens.
        actors: the names of the views and jobs that reach it, as `Actor.name` has them.
        accesses: the accesses that show it.
        fix: in instep's terms.
        plain: in plain Flask's and Python's terms.
        calls: which lead to the read and to the write, where one function comes to both.
        reached: the same views and jobs, one by one.
        also: what else is wrong with this state, weaker or elsewhere.
    """

    rule: str
    severity: Severity
    window: Window
    location: Location
    title: str
    consequence: str
    place: Place
    read: Place | None
    writes: tuple[Place, ...]
    actors: tuple[str, ...]
    accesses: tuple[Access, ...]
    fix: str
    plain: str
    calls: tuple[Place, ...] = ()
    reached: tuple[Reached, ...] = ()
    also: tuple[Also, ...] = ()
