"""A value that was made under a lock, and is read again after the lock was let go.

How it stays right. `with lock: n += 1` loses nothing, but `return n` after it is a second read, and
another request may have counted meanwhile: two requests then return the same number.
"""

from __future__ import annotations

from collections.abc import Iterator

from instep.races.reading.model import Access, Kind
from instep.races.rules.finding import Severity
from instep.races.rules.locking import common_hold
from instep.races.rules.methods import changes
from instep.races.rules.scene import Part, State
from instep.races.rules.symptom import Symptom, window


def releases(state: State) -> Iterator[Symptom]:
    """Every read of a value that this request made under a lock it has given back."""
    for part in state.parts:
        made = [write for write in part.writes() if _made_here(part, write)]
        for write in made:
            for read in part.after(write):
                if _again(read, write) and not common_hold((write, read)):
                    rival = next(state.rivals(part.actor, frozenset(), read), None)
                    if rival is not None:
                        yield Symptom(
                            "IS113", Severity.MEDIUM, window((write, read)), "after release",
                            state.location, part.actor, read, write, rival,
                        )  # fmt: skip
                    break
            yield from _read_before(state, part, write)


def _read_before(state: State, part: Part, write: Access) -> Iterator[Symptom]:
    """A value that is used was read before the lock was taken that covers its change."""
    for read in part.accesses.values():
        kept = read.returned or read.number in part.used
        near = read.number < write.number and read.place.function == write.place.function
        if kept and near and _again_before(read, write) and not common_hold((read, write)):
            rival = next(state.rivals(part.actor, frozenset(), read), None)
            if rival is not None:
                yield Symptom(
                    "IS113", Severity.MEDIUM, window((read, write)), "read outside",
                    state.location, part.actor, write, read, rival,
                )  # fmt: skip
                return


def _made_here(part: Part, write: Access) -> bool:
    """Whether it makes a new value of the old one, under a lock."""
    sources = [read for read in part.among(write.depends) if not changes(read)]
    made = write.kind is Kind.UPDATE or bool(sources)
    return made and bool(common_hold((write, *sources)))


def _again_before(read: Access, write: Access) -> bool:
    """Whether it reads plainly what is then changed in one step."""
    same = read.location == write.location and read.key == write.key
    return same and read.kind is Kind.READ and write.kind is Kind.UPDATE


def _again(read: Access, write: Access) -> bool:
    same = read.location == write.location and read.key == write.key
    return same and read.kind is Kind.READ and read.returned
