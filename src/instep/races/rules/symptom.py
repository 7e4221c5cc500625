"""Symptoms: single things that go wrong; those of one piece of state make one finding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from instep.races.reading.model import Access, Actor, Kind, Location, Root
from instep.races.rules.finding import Severity, Window
from instep.races.rules.methods import SINGLE, inside
from instep.races.rules.scene import REQUESTS, Rival


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that goes wrong.

    Args:
        rule: its id.
        severity: of this one.
        window: when it goes wrong.
        pattern: what happens, as `consequences` knows it: `number`, `removed twice`, …
        state: what it happens to.
        actor: who is disturbed.
        write: what it does; for `tested then read`, the second read.
        read: what it has read or tested before, if that matters.
        rival: who may come between, if that is somebody in particular.
    """

    rule: str
    severity: Severity
    window: Window
    pattern: str
    state: Location
    actor: Actor
    write: Access
    read: Access | None = None
    rival: Rival | None = None

    @property
    def order(self) -> tuple[object, ...]:
        """The worst comes first; of equals the one that stands first in the source."""
        strength = _STRENGTH.get(self.rule, len(_STRENGTH))
        breaks, exposed = self.window is Window.PROCESSES, self.window is not Window.EXPOSED
        return self.severity.rank, breaks, strength, exposed, self.write.place


_STRENGTH = {
    rule: strength
    for strength, rule in enumerate(
        """IS120 IS150 IS110 IS101 IS104 IS105 IS106 IS103 IS111 IS113 IS114 IS140 IS112
        IS115""".split()
    )
}
"""Which rule names a piece of state, if several do with the same severity."""


def window(accesses: Iterable[Access]) -> Window:
    """Whether a thread switch can happen from the first access to the last.

    Args:
        accesses: in order; the last one counts the calls since those it depends on.
    """
    *earlier, last = accesses
    switch = last.calls > 0 or (last.method not in SINGLE and not last.method.endswith("="))
    for access in earlier:
        if access is last:
            continue
        switch = switch or (access.kind is Kind.ITERATE and not access.atomic)
        switch = switch or (access.method not in SINGLE and access.method != "len")
    return Window.EXPOSED if switch else Window.LATENT


def family(location: Location, *, content: bool) -> str:
    """Which of IS101 to IS106 a piece of state belongs to.

    Args:
        location: of it.
        content: whether it is about what is inside of a container.
    """
    if any(step.startswith(".") for step in location.path):
        return "IS104"
    if location.root in (Root.DEFAULT, Root.FUNCTION):
        return "IS106"
    if location.root is Root.CLASS:
        return "IS105"
    if location.root is Root.APPLICATION:
        return "IS104"
    return "IS103" if content else "IS101"


def between_requests(actor: Actor, rival: Actor) -> bool:
    """Whether a request is on one side at least; between jobs alone less is sure."""
    return actor.role in REQUESTS or rival.role in REQUESTS


def family_of(write: Access, location: Location) -> str:
    """The same, for a write."""
    return family(location, content=inside(write))
