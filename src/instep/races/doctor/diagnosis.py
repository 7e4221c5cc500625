"""What is known of a program in the end: its troubles, how sure each is, and what was done."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from instep.races.checking.report import Entry, Report
from instep.races.doctor.application import Application
from instep.races.doctor.effects import Effect, effect
from instep.races.doctor.settings import Deployment
from instep.races.rules.finding import Severity

ONE = Deployment(workers=1, threads=1, where="one")
"""One process that answers one request at a time."""

NO_TIME = "there was no time left, give more with --seconds"
"""Why a step was not done."""


class Certainty(StrEnum):
    """How sure it is that something breaks."""

    SEEN = "seen"
    """A crowd got wrong answers under the server."""
    CONFIRMED = "confirmed"
    """An interleaving was found whose answers no order of the requests gives."""
    POSSIBLE = "possible"
    """The source says so; nobody has seen it."""


class Worry(StrEnum):
    """The answer to the question on the page."""

    YES = "yes"
    """Something breaks as the program is deployed."""
    NOT_AS_DEPLOYED = "not as it is deployed"
    """There are places that break with more threads or workers than it has."""
    NOTHING_FOUND = "nothing was found"
    """Which is not a proof that nothing is there."""
    UNKNOWN = "cannot say"
    """Nothing was seen that runs beside something else, or nothing could be read."""


@dataclass(slots=True)
class Trouble:
    """One piece of state that breaks.

    Args:
        name: of the state, dotted.
        entries: what was found about it, the worst first.
        requests: that reach it, as they were guessed or given.
        certainty: how sure it is.
        story: the interleaving that confirms it, line by line.
        replay: the command that shows the interleaving again.
        seen: what a crowd got under the server, line by line.
        notes: what was tried in vain, in sentences.
    """

    name: str
    entries: list[Entry]
    requests: tuple[str, ...] = ()
    certainty: Certainty = Certainty.POSSIBLE
    story: list[str] = field(default_factory=list)
    replay: str = ""
    seen: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def entry(self) -> Entry:
        """The worst finding."""
        return self.entries[0]

    def effects(self, deployment: Deployment) -> tuple[Effect, Effect]:
        """What it means for one worker with one thread, and for the deployment."""
        return self._worst(ONE), self._worst(deployment)

    def _worst(self, deployment: Deployment) -> Effect:
        found = [effect(entry, deployment) for entry in self.entries]
        return max(found, key=lambda each: (each.meet, each.copies, each.latent))


@dataclass(slots=True)
class Stage:
    """One thing that was done.

    Args:
        name: `check`, `explore`, `serve`.
        said: what came out, or why it was not done, in words.
        seconds: that it took.
        done: whether it could be done.
    """

    name: str
    said: str
    seconds: float = 0.0
    done: bool = True


@dataclass(slots=True)
class Diagnosis:
    """All that the page says.

    Args:
        deployment: how the program is served.
        application: where it is; None if only its source was read.
        report: of the check; None if it could not be made.
        troubles: the worst first.
        stages: what was done, in order.
        leftovers: what the workers share from before the fork, in sentences.
        not_run: why the program was only read, in words; empty if it was run.
        interpreter: with which Python.
    """

    deployment: Deployment
    interpreter: str
    application: Application | None = None
    report: Report | None = None
    troubles: list[Trouble] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    not_run: str = ""

    @property
    def breaking(self) -> list[Trouble]:
        """What breaks as it is deployed."""
        return [one for one in self.troubles if self.breaks(one)]

    def breaks(self, trouble: Trouble) -> bool:
        """Whether one breaks as the program is deployed; what was seen to needs no argument."""
        return trouble.certainty is Certainty.SEEN or trouble.effects(self.deployment)[1].breaks

    @property
    def worry(self) -> Worry:
        """The answer."""
        if self.breaking or self.leftovers:
            return Worry.YES
        if self.troubles:
            return Worry.NOT_AS_DEPLOYED
        if self.report is None or not self.report.actors:
            return Worry.UNKNOWN
        return Worry.NOTHING_FOUND

    def sort(self) -> None:
        """What to look at first comes first: what breaks, then what is sure, then the worst."""
        certain, severe = list(Certainty), list(Severity)
        self.troubles.sort(
            key=lambda one: (
                not self.breaks(one),
                certain.index(one.certainty),
                severe.index(one.entry.severity),
                one.entry.site.path,
                one.entry.site.line,
            )
        )
