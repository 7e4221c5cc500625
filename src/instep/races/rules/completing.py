"""Whoever is the last acts for all: an entry is added, then all are counted, and that decides.

How it stays right. `votes[me] = x` and `if len(votes) == len(players): tally()` are two steps: two
requests both add theirs, and then both find that all are there. In one hold of a lock only one of
them does. What only takes out again what is too much (`if len(log) > 100: log.pop(0)`) is no case
of it, and neither is what may be done twice without harm, such as setting a flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from instep.races.reading.model import Access, Kind
from instep.races.rules.finding import Severity
from instep.races.rules.locking import common_hold
from instep.races.rules.methods import REMOVING, binds, changes, is_literal
from instep.races.rules.scene import Part, State, thing
from instep.races.rules.symptom import Symptom, window
from instep.races.rules.updating import OTHERS, adds_entry


def completions(state: State) -> Iterator[Symptom]:
    """Every act that hangs on all entries being there, after one was added."""
    for part in state.parts:
        begun = frozenset().union(*(guards for _, guards in part.actor.starts))
        deciding = frozenset(part.acts) | begun
        counts = [one for one in part.among(deciding) if "[]" in one.location.path]
        for write in part.writes() if counts else ():
            for count in counts:
                found = count.number > write.number and _completed(state, part, write, count)
                if found:
                    yield found
                    break


def _completed(state: State, part: Part, write: Access, count: Access) -> Symptom | None:
    if not _counts(state, part, write, count):
        return None
    act = _act(part, write, count)
    if act is None:
        return None

    def alike(other: Access) -> bool:
        return changes(other) and other.location == write.location and other.method == write.method

    rival = next(state.rivals(part.actor, common_hold((write, count)), write, alike), None)
    if rival is None:
        return None
    return Symptom(
        "IS110", Severity.MEDIUM, window((write, count)), "completed twice", state.location,
        part.actor, act, count, rival,
    )  # fmt: skip


_ABOVE = re.compile(r"len\(.*\)\s*>(?!=)|<\s*len\(")


def _counts(state: State, part: Part, write: Access, count: Access) -> bool:
    """Whether an access looks at all entries, or at what has been set in each of them."""
    if changes(count) or count.location != write.location:
        return False
    if binds(write) or is_literal(write.key):
        return count.key == write.key and _in_each(part, write, count)
    if not adds_entry(write) or count.key is not None:
        return False
    if count.method == "len":
        return _ABOVE.search(state.line(count)) is None
    return count.kind is Kind.ITERATE


def _in_each(part: Part, write: Access, count: Access) -> bool:
    """Whether it is looked at in each entry of a container, once one of them was changed."""
    return any(
        one.kind is Kind.ITERATE and one.stack == count.stack
        for one in part.actor.trace[write.number : count.number]
    )


def _act(part: Part, write: Access, count: Access) -> Access | None:
    """What is done for all, if it matters that it is done once."""
    acts = part.acts.get(count.number, [])
    own = thing(write.location)
    if any(one.method in REMOVING - {"clear"} and thing(one.location) == own for one in acts):
        return None
    for one in acts:
        plain = one.value == "constant" and one.kind is Kind.WRITE and binds(one)
        if not plain and one.location.root not in OTHERS and thing(one.location) != own:
            return one
    begun = any(count.number in guards for _, guards in part.actor.starts)
    return write if begun else None
