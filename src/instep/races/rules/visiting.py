"""What belongs to one request or one visitor: `g`, thread locals, the session.

How it stays right. `g` is new for each request, so what is read there must have been written by
the same request, in the view or in a hook before it. A thread local lives on, and what the last
request of the thread has left is still there. A session is the visitor's, but browsers ask for
several pages at once, and each request reads it whole at its begin and writes it whole at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from instep.races.reading.model import Access, Actor, Kind, Program, Role, Root
from instep.races.rules.finding import Severity, Window
from instep.races.rules.methods import REMOVING, changes
from instep.races.rules.scene import Part, State, thing
from instep.races.rules.symptom import Symptom


def contexts(state: State) -> Iterator[Symptom]:
    """`g` or a thread local that is taken for a store between requests."""
    if state.location.root is not Root.CONTEXT or _prepared(state):
        return
    for part in state.parts:
        yield from _counted(state, part)
        yield from _left_over(state, part)


def _prepared(state: State) -> bool:
    """Whether a hook writes it before each request, or somebody clears it at the end."""
    for part in state.parts:
        for write in part.writes():
            if part.actor.role is Role.HOOK or write.method in {*REMOVING, "reset"}:
                return True
    return False


def _counted(state: State, part: Part) -> Iterator[Symptom]:
    """A number that goes on from what only this request can have written: it always begins anew."""
    for write in part.writes():
        sources = [read for read in part.among(write.depends) if read.location == write.location]
        own = [before for before in part.writes() if before.number < write.number]
        fresh = all(set(before.guards) & part.accesses.keys() for before in own)
        goes_on = write.kind is Kind.UPDATE or (bool(sources) and write.value != "constant")
        if goes_on and fresh and not write.atomic and _answered(part, write):
            yield Symptom(
                "IS141", Severity.MEDIUM, Window.EXPOSED, "begins anew", state.location, part.actor,
                write, sources[0] if sources else None,
            )  # fmt: skip


def _answered(part: Part, write: Access) -> bool:
    return write.returned or any(read.returned for read in part.after(write))


def _left_over(state: State, part: Part) -> Iterator[Symptom]:
    """A value that another request has written."""
    first = next(iter(part.accesses.values()))
    if state.location.name == "g":  # new for each request: there is nothing left over
        return
    if changes(first) or any(True for _ in part.writes()):
        return
    for other in state.parts:
        for write in other.writes():
            if other.actor is not part.actor and write.value != "constant":
                yield Symptom(
                    "IS141", Severity.MEDIUM, Window.EXPOSED, "left over", state.location,
                    other.actor, write, first,
                )  # fmt: skip
                return


def sessions(program: Program) -> Iterator[Symptom]:
    """Entries of the session that are changed in place, or read, changed and written back."""
    merging = any(
        "instep.integrations.session" in line for text in program.files.values() for line in text
    )
    for actor in program.actors:
        if actor.role in (Role.VIEW, Role.HOOK):
            trace = {
                access.number: access
                for access in actor.trace
                if access.location.root is Root.SESSION
            }
            yield from _session(actor, trace, merging)


def _session(actor: Actor, trace: dict[int, Access], merging: bool) -> Iterator[Symptom]:
    told = any(
        changes(access) and "modified" in f"{access.location} {access.key}"
        for access in trace.values()
    )
    for write in filter(changes, trace.values()):
        if _nested(write):
            if not (told or merging or _bound_again(trace, write)):
                yield _visitor("unnoticed", Severity.MEDIUM, actor, write, None)
            continue
        sources = [trace[number] for number in sorted(write.depends) if number in trace]
        again = [read for read in sources if read.key == write.key]
        if (write.kind is Kind.UPDATE and not write.atomic) or again:
            read = again[0] if again else None
            yield _visitor("session", Severity.LOW, actor, write, read)


def _nested(write: Access) -> bool:
    """Whether it changes what lies inside an entry."""
    return len(write.location.path) > 1


def _bound_again(trace: dict[int, Access], write: Access) -> bool:
    return any(
        changes(later) and not _nested(later) and number > write.number
        for number, later in trace.items()
    )


def _visitor(
    pattern: str, severity: Severity, actor: Actor, write: Access, read: Access | None
) -> Symptom:
    state = thing(write.location)
    entry = replace(state, path=state.path[:1])  # what is inside is saved with it, or not
    return Symptom("IS142", severity, Window.EXPOSED, pattern, entry, actor, write, read)
