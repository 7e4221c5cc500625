"""What a finding means for one way to serve the program: can it happen there, and how.

How it stays right. Two different diseases are kept apart. Requests *meet* where two run at once in
the memory of one process (threads, greenlets, a background job beside a view), or where the state
lies outside of the processes (a file, a session). Processes *diverge* where the state lies in their
memory, whatever locks they take. A latent window is closed by CPython 3.10 to 3.13 with its GIL
and by nothing else, which is said and never called safe.
"""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass

from instep.races.checking.report import Entry
from instep.races.doctor.settings import UNBOUNDED, Deployment, counted
from instep.races.reading.model import Role, Root
from instep.races.rules.finding import Window

IN_MEMORY = frozenset(
    {Root.GLOBAL, Root.CLASS, Root.DEFAULT, Root.FUNCTION, Root.CLOSURE, Root.APPLICATION}
)
"""Roots of which every process has a copy of its own."""

COPIES_MATTER = frozenset(
    "IS101 IS102 IS103 IS104 IS105 IS106 IS110 IS113 IS114 IS115 IS140".split()
)
"""Rules about state that requests leave to each other, which copies do not hand on."""

AT_THE_FORK = frozenset({"IS130"})
"""Rules about what is made before a fork; without a fork afterwards it is harmless."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to one object under one deployment.

    Args:
        meet: two requests can be in each other's way.
        latent: only the interpreter keeps them from it.
        copies: how many processes have a copy of their own that others should see.
        sentence: in full.
    """

    meet: bool
    latent: bool
    copies: int
    sentence: str

    @property
    def breaks(self) -> bool:
        """Whether it goes wrong there, today, on this interpreter."""
        return self.meet or self.copies > 1


def effect(entry: Entry, deployment: Deployment) -> Effect:
    """What a finding means for a deployment."""
    if entry.finding.window is Window.PROCESSES:
        return _per_process(entry, deployment)
    memory = entry.finding.location.root in IN_MEMORY
    beside = any(actor.role == Role.BACKGROUND for actor in entry.actors)
    together = deployment.threads > 1 or beside
    if not memory and deployment.processes > 1:
        together = True
    latent = entry.finding.window is Window.LATENT and memory and not gil_is_off()
    copies = deployment.processes if memory and entry.finding.rule in COPIES_MATTER else 1
    sentence = _sentence(deployment, together, latent, copies, beside)
    return Effect(together and not latent, together and latent, copies, sentence)


def gil_is_off() -> bool:
    """Whether this is a free-threaded interpreter, on which no window is closed."""
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def interpreter() -> str:
    """The interpreter in words: `CPython 3.13`."""
    threading = ", free-threaded" if gil_is_off() else ""
    return f"CPython {sys.version_info.major}.{sys.version_info.minor}{threading}"


def _per_process(entry: Entry, deployment: Deployment) -> Effect:
    number = counted(deployment.processes, "process", "processes")
    many, said = deployment.processes > 1, f"it happens in each of {number}."
    if not many:
        said = "there is only one process."
    elif entry.finding.rule in AT_THE_FORK and not (deployment.preload and deployment.workers > 1):
        many, said = False, "every worker imports it for itself; with --preload it breaks."
    copies = deployment.processes if many else 1
    return Effect(False, False, copies, f"With {size(deployment)} {said}")


def _sentence(
    deployment: Deployment, together: bool, latent: bool, copies: int, beside: bool
) -> str:
    where = size(deployment)
    if not together:
        said = f"With {where} two requests cannot meet in one process."
    elif latent:
        said = (
            f"With {where} it does not come to that today, by luck: {interpreter()} never changes "
            "to another request between these steps. Python 3.9 does, and Python without the GIL."
        )
    elif beside and deployment.threads == 1:
        said = f"With {where} it can happen: a background job runs beside the requests."
    elif deployment.kind == "greenlet":
        said = f"With {where} it can happen wherever the program waits in between."
    else:
        said = f"With {where} it can happen: two requests run at once."
    if copies > 1:
        said += (
            f" {'But' if latent or not together else 'Besides,'} each of {copies} processes has a "
            "copy of its own: what a request leaves in one, the others do not see. No lock helps."
        )
    return said


def size(deployment: Deployment) -> str:
    """Workers and threads in words."""
    threads = (
        f"many {deployment.kind}s"
        if deployment.threads >= UNBOUNDED
        else counted(deployment.threads, deployment.kind)
    )
    each = f"{counted(deployment.workers, 'worker')} x {threads}"
    return f"{deployment.replicas} replicas of {each}" if deployment.replicas > 1 else each
