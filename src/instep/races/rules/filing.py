"""Files as shared state: loaded, changed, and written back.

How it stays right. Opening for writing empties the file, so a reader may find half of it or
nothing; and what was written between the loading and the writing is lost. A lock of threads does
not help against another worker process; a lock on a file does, with the new content put in place
by a rename.
"""

from __future__ import annotations

from collections.abc import Iterator

from instep.races.reading.model import Access, Kind, Root
from instep.races.rules.finding import Severity, Window
from instep.races.rules.locking import common_hold
from instep.races.rules.scene import Part, State
from instep.races.rules.symptom import Symptom, between_requests


def files(state: State) -> Iterator[Symptom]:
    """Every write of a file that rests on what was read from it."""
    if state.location.root is not Root.FILE:
        return
    for part in state.parts:
        for write in part.writes():
            found = _written(state, part, write)
            if found is not None:
                yield found


def _written(state: State, part: Part, write: Access) -> Symptom | None:
    loaded = [read for read in part.among(write.depends) if read is not write]
    asked = [read for read in part.among(write.guards) if read is not write]
    if write.fresh or not (loaded or asked) or _made_anew(write, loaded, asked):
        return None
    read = (loaded or asked)[0]
    span = common_hold((read, write))
    rival = next(state.rivals(part.actor, frozenset(), write), None)
    if rival is None or any(_of_processes(lock.name) for lock in span):
        return None
    severity, window, pattern = Severity.HIGH, Window.EXPOSED, "file"
    if not loaded:
        severity, pattern = Severity.MEDIUM, "file there"
    if not between_requests(part.actor, rival.actor):
        severity = Severity.MEDIUM
    if next(state.rivals(part.actor, span, write), None) is None:
        severity, window = Severity.LOW, Window.PROCESSES
    return Symptom(
        "IS150", severity, window, pattern, state.location, part.actor, write, read, rival
    )


def _made_anew(write: Access, loaded: list[Access], asked: list[Access]) -> bool:
    """Whether what was loaded has only decided something, and nothing of it is written back."""
    if loaded:
        return write.value == "new" and {read.number for read in loaded} <= write.guards
    return any(read.kind is Kind.READ for read in asked)


def _of_processes(name: str) -> bool:
    """Whether a lock keeps other processes out too, going by its name."""
    return any(word in name.lower() for word in ("file", "flock", "space", "process", "fcntl"))
