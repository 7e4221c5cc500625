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
        cell: in a few words, for a table.
        sentence: in full.
    """

    meet: bool
    latent: bool
    copies: int
    cell: str
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
    meet = together and not latent
    return Effect(
        meet,
        together and latent,
        copies,
        _cell(together, latent, copies),
        _sentence(deployment, together=together, latent=latent, copies=copies, beside=beside),
    )


def gil_is_off() -> bool:
    """Whether this is a free-threaded interpreter, on which no window is closed."""
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def interpreter() -> str:
    """The interpreter in words: `CPython 3.13`."""
    threading = ", free-threaded" if gil_is_off() else ""
    return f"CPython {sys.version_info.major}.{sys.version_info.minor}{threading}"


def _per_process(entry: Entry, deployment: Deployment) -> Effect:
    where = _size(deployment)
    many = deployment.processes > 1
    if entry.finding.rule in AT_THE_FORK:
        many = deployment.preload and deployment.workers > 1
    if many:
        number = counted(deployment.processes, "process").replace("processs", "processes")
        cell, sentence = "happens", f"With {where} it happens in each of {number}."
        return Effect(False, False, deployment.processes, cell, sentence)
    if entry.finding.rule in AT_THE_FORK and deployment.processes > 1:
        sentence = f"With {where} every worker imports it for itself; with --preload it breaks."
        return Effect(False, False, 1, "cannot happen", sentence)
    return Effect(False, False, 1, "cannot happen", f"With {where} there is only one process.")


def _cell(together: bool, latent: bool, copies: int) -> str:
    here = "cannot happen"
    if together:
        here = "spared today" if latent else "can happen"
    if copies < 2:
        return here
    return f"{copies} copies" if here == "cannot happen" else f"{here}; {copies} copies"


def _sentence(
    deployment: Deployment, *, together: bool, latent: bool, copies: int, beside: bool
) -> str:
    where = _size(deployment)
    if not together:
        said = f"With {where} this cannot happen within the process"
    elif latent:
        said = (
            f"With {where} two requests cannot meet here on {interpreter()}, by an accident of "
            "where it changes threads; on 3.9, or without the GIL, they can"
        )
    elif beside and deployment.threads == 1:
        said = f"With {where} it can happen: a background job runs beside the requests"
    elif deployment.kind == "greenlet":
        said = f"With {where} it can happen wherever the program waits in between"
    else:
        said = f"With {where} it can happen: two requests run at once"
    if copies > 1:
        also = ", but" if not together else "; and" if latent else ", and besides"
        said += f"{also} each of {copies} processes has a copy of its own, which no lock changes"
    return f"{said}."


def _size(deployment: Deployment) -> str:
    threads = (
        f"many {deployment.kind}s"
        if deployment.threads >= UNBOUNDED
        else counted(deployment.threads, deployment.kind)
    )
    size = f"{counted(deployment.workers, 'worker')} x {threads}"
    return f"{deployment.replicas} replicas of {size}" if deployment.replicas > 1 else size
