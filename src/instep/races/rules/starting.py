"""A job that is started if a flag is not set, where only the job itself sets the flag.

How it stays right. `if not busy: Thread(target=work).start()` looks at the flag before the thread
has run a line: two requests both find it free and start two. What the view sets itself, before it
starts the job, is a matter of the rule about check-then-act.
"""

from __future__ import annotations

from collections.abc import Iterator

from instep.races.reading.model import Access, Actor, Kind, Location, Program, Role
from instep.races.rules.finding import Severity, Window
from instep.races.rules.locking import common_hold
from instep.races.rules.methods import binds, changes, is_literal
from instep.races.rules.scene import REQUESTS, Rival, thing
from instep.races.rules.symptom import Symptom
from instep.races.rules.updating import OTHERS


def starts(program: Program) -> Iterator[Symptom]:
    """Every start of a job that is decided by what the job changes."""
    jobs = {actor.name: actor for actor in program.actors if actor.role is Role.BACKGROUND}
    for actor in program.actors:
        if actor.role in REQUESTS or (actor.role is Role.BACKGROUND and actor.repeated):
            begun = {one: None for one in actor.starts if one[0] in jobs}
            own = {_cell(access) for access in actor.trace if begun and changes(access)}
            for name, guards in begun:
                yield from _twice(actor, jobs[name], guards, own)


Cell = tuple[Location, str | None]


def _twice(actor: Actor, job: Actor, guards: frozenset[int], own: set[Cell]) -> Iterator[Symptom]:
    tested = {
        _cell(actor.trace[number]): actor.trace[number]
        for number in sorted(guards)
        if number < len(actor.trace)
    }
    for write in job.trace if tested else ():
        cell = _cell(write)
        if (
            cell in tested
            and cell not in own
            and _flag(job, write)
            and not _looks_again(job, write)
        ):
            sure = actor.role in REQUESTS and cell[1] != ANY
            yield Symptom(
                "IS110", Severity.HIGH if sure else Severity.MEDIUM, Window.EXPOSED, "flag",
                thing(write.location), actor, write, tested[cell], Rival(job, write),
            )  # fmt: skip


ANY = "*"


def _looks_again(job: Actor, write: Access) -> bool:
    """Whether the job itself tests it once more, in the hold in which it sets it."""
    return any(
        _cell(job.trace[number]) == _cell(write) and common_hold((job.trace[number], write))
        for number in write.guards
    )


def _cell(access: Access) -> Cell:
    """A location and a key; keys that are not written out may be the same."""
    named = access.key is not None and not is_literal(access.key)
    return access.location, ANY if named else access.key


def _flag(job: Actor, write: Access) -> bool:
    """Whether it sets or counts a name, an attribute or an entry."""
    if not changes(write) or write.location.root in OTHERS:
        return False
    if write.value == "call" and any(
        job.trace[number].location == write.location for number in write.depends
    ):
        return False  # made of what it was: no flag
    plain = write.value in ("constant", "number", "call") or write.kind is Kind.UPDATE
    plain = plain or write.method == "add"
    return plain and (binds(write) or write.key is not None)
