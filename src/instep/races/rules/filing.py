"""Files as shared state: loaded, changed, and written back.

How it stays right. Opening for writing empties the file, so a reader may find half of it or
nothing; and what was written between the loading and the writing is lost. A lock of threads does
not help against another worker process; a lock on a file does, with the new content put in place
by a rename.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from instep.races.reading.model import Access, Kind, Root
from instep.races.rules.finding import Severity, Window
from instep.races.rules.locking import common_hold
from instep.races.rules.methods import changes
from instep.races.rules.scene import Part, State
from instep.races.rules.symptom import Symptom, between_requests

TEMPORARY = re.compile(r"te?mp", re.IGNORECASE)
TAKING = frozenset("remove unlink rmtree rename replace move".split())
"""These fail if the file is gone."""
FOLDERS = frozenset({"mkdir", "makedirs"})
"""These fail if the folder is there."""


def files(state: State) -> Iterator[Symptom]:
    """Every write of a file that rests on what was read from it."""
    if state.location.root is not Root.FILE:
        return
    for part in state.parts:
        for write in part.writes():
            found = _written(state, part, write) or _in_place(state, part, write)
            if found is not None:
                yield found


def _written(state: State, part: Part, write: Access) -> Symptom | None:
    loaded = [read for read in part.among(write.depends) if not changes(read)]
    asked = [read for read in part.among(write.guards) if not changes(read)]
    if write.method == "append":  # nothing is undone by it
        asked, loaded = [], [read for read in loaded if not (read.held and write.held)]
    if write.method in FOLDERS:  # only its name can come from a file
        loaded = []
    if not (loaded or asked) or _made_anew(write, loaded, asked):
        return None
    read = (loaded or asked)[0]
    span = common_hold((read, write))
    rival = next(state.rivals(part.actor, frozenset(), write), None)
    if rival is None or any(_of_processes(lock.name) for lock in span):
        return None
    severity, window, pattern = Severity.HIGH, Window.EXPOSED, "file"
    own = "*" in state.location.name
    if not loaded:
        pattern = _looked_for(write)
    if not loaded or own or not between_requests(part.actor, rival.actor):
        severity = Severity.MEDIUM
    if own and (pattern in ("file gone", "folder there") or TEMPORARY.search(state.location.name)):
        severity = Severity.LOW  # of files with a part of their own, few are shared
    if next(state.rivals(part.actor, span, write), None) is None:
        severity, window = Severity.LOW, Window.PROCESSES
    return Symptom(
        "IS150", severity, window, pattern, state.location, part.actor, write, read, rival
    )


def _looked_for(write: Access) -> str:
    if write.method in FOLDERS:
        return "folder there"
    if write.method == "executescript":
        return "tables there"
    return "file gone" if write.method in TAKING else "file there"


def _in_place(state: State, part: Part, write: Access) -> Symptom | None:
    """One file for all requests: written and read again, or a copy of what they share."""
    whole = write.method not in {*TAKING, *FOLDERS, "append"} and "*" not in state.location.name
    rival = next(state.rivals(part.actor, common_hold((write,)), write), None)
    if not whole or rival is None or not between_requests(part.actor, rival.actor):
        return None
    again = next((read for read in part.after(write) if read.kind is Kind.READ), None)
    if again is None and not _of_shared_state(part, write):
        return None
    pattern = "file saved" if again is None else "file handed over"
    return Symptom(
        "IS150", Severity.MEDIUM, Window.EXPOSED, pattern, state.location, part.actor, write,
        again, rival,
    )  # fmt: skip


def _of_shared_state(part: Part, write: Access) -> bool:
    """Whether what is written comes from state that requests share in memory."""
    sources = (part.actor.trace[number] for number in write.depends)
    return any(one.location.root not in (Root.FILE, Root.SESSION, Root.CONTEXT) for one in sources)


def _made_anew(write: Access, loaded: list[Access], asked: list[Access]) -> bool:
    """Whether what was loaded has only decided something, and nothing of it is written back."""
    if loaded:
        return write.value == "new" and {read.number for read in loaded} <= write.guards
    return any(read.kind is Kind.READ for read in asked)


def _of_processes(name: str) -> bool:
    """Whether a lock keeps other processes out too, going by its name."""
    return any(word in name.lower() for word in ("file", "flock", "space", "process", "fcntl"))
