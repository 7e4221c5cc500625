"""Lost updates: a value is read, a new one is made of it and written, and somebody comes between.

How it stays right. A write that depends on a read of the same state is safe only if one hold of a
lock spans both, and everybody else who writes there takes that lock as well. `n += 1` is such a
pair in one statement; a single method of a built-in container is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from instep.races.reading.model import Access, Kind, Root
from instep.races.rules.finding import Severity, Window
from instep.races.rules.lines import kept_or_replaced
from instep.races.rules.locking import common_hold
from instep.races.rules.methods import (
    ADDING,
    REMOVING,
    SPARING,
    binds,
    changes,
    empties,
    inside,
    is_literal,
    removes,
)  # fmt: skip
from instep.races.rules.scene import Part, Rival, State
from instep.races.rules.symptom import Symptom, between_requests, family, family_of, window

OTHERS = frozenset({Root.FILE, Root.SESSION, Root.CONTEXT})
"""These have rules of their own."""


def updates(state: State) -> Iterator[Symptom]:
    """Every read-modify-write of a piece of state that is not one step."""
    for part in state.parts:
        for write in part.writes():
            adds = adds_entry(write)
            sources = list(_sources(part, write))
            adds = adds and not same_entry(part, write)
            sources.sort(key=lambda read: not (adds and _numbers(state, read, write)))
            for read in sources:
                symptom = _lost(state, part, read, write)
                if symptom is not None:
                    yield symptom
                    break


def drained(state: State) -> Iterator[Symptom]:
    """Everything is taken out for use, and then emptied: what has come between is lost."""
    for part in state.parts:
        for write in part.writes():
            if empties(write) or (binds(write) and write.value in ("new", "constant")):
                for read in part.accesses.values():
                    found = _drained(state, part, read, write)
                    if found is not None:
                        yield found
                        break


_MADE = re.compile(r"\s*\w+ = [\w.]+ = ")
"""`cache = self._cache = {}`: who makes it goes on with it."""


def _drained(state: State, part: Part, read: Access, write: Access) -> Symptom | None:
    kept = read.number in part.used or read.returned
    if changes(read) or read.number > write.number or not kept or read.kind is Kind.TEST:
        return None
    if _MADE.match(state.line(write)):
        return None
    span = common_hold((read, write))
    rival = next(state.rivals(part.actor, span, write, adds_entry), None)
    if rival is None or write.held:
        return None
    severity = Severity.HIGH if between_requests(part.actor, rival.actor) else Severity.MEDIUM
    rule, gap = family(state.location, content=True), window((read, write))
    return Symptom(rule, severity, gap, "drained", state.location, part.actor, write, read, rival)


def peeked(state: State) -> Iterator[Symptom]:
    """The first or last entry is looked at, and used, and then the first or last is taken out."""
    for part in state.parts:
        for write in part.writes():
            end = _END.get(write.method, "") or (write.key or "-1" if write.method in _ENDS else "")
            for read in part.accesses.values():
                found = end and _peeked(state, part, read, write, end)
                if found:
                    yield found
                    break


_END = {"popleft": "0"}
_ENDS = frozenset({"pop", "del"})


def _peeked(state: State, part: Part, read: Access, write: Access, end: str) -> Symptom | None:
    same = read.location == write.location and read.key == end and read.kind is Kind.READ
    kept = read.returned or read.number in part.used
    if not (same and kept and end.lstrip("-").isdigit()) or read.number > write.number:
        return None
    span = common_hold((read, write))
    rival = next(state.rivals(part.actor, span, write, removes), None)
    if rival is None:
        return None
    severity = Severity.HIGH if between_requests(part.actor, rival.actor) else Severity.MEDIUM
    return Symptom(
        "IS110", severity, window((read, write)), "used twice", state.location, part.actor, write,
        read, rival,
    )  # fmt: skip


def others_last(state: State) -> Iterator[Symptom]:
    """An entry is appended, and then the last one is taken for it."""
    for part in state.parts:
        for write in part.writes():
            if write.method == "append":
                for read in part.after(write):
                    found = _others(state, part, write, read)
                    if found is not None:
                        yield found
                        break


def _others(state: State, part: Part, write: Access, read: Access) -> Symptom | None:
    key = (read.key or "").replace(" ", "")
    last = key == "-1" or (key.startswith("len(") and key.endswith(")-1"))
    if read.location != write.location:
        return None
    if not (last and read.kind is Kind.READ) and not _taken_back(part, write, read):
        return None
    rival = next(state.rivals(part.actor, common_hold((write, read)), write, adds_entry), None)
    if rival is None:
        return None
    severity = Severity.HIGH if between_requests(part.actor, rival.actor) else Severity.MEDIUM
    rule = family(state.location, content=True)
    return Symptom(
        rule, severity, window((write, read)), "other's", state.location, part.actor, write, read,
        rival,
    )  # fmt: skip


def _taken_back(part: Part, write: Access, read: Access) -> bool:
    """Whether the request takes out one entry after it has put in its own, and goes on with it.

    Also by hand, with an index that is counted on.
    """
    if read.loop or not (read.returned or (read.held and write.held)):
        return False
    if read.kind is not Kind.READ:
        return read.method in ("pop", "popleft")
    index = {part.actor.trace[number].location for number in read.depends}
    return any(
        later.kind is Kind.UPDATE and later.location in index and later.value == "number"
        for later in part.actor.trace[read.number : read.number + 5]
    )


def unseen(state: State) -> Iterator[Symptom]:
    """The newest entry is handed out in a loop, and then all that are there count as seen."""
    for part in state.parts:
        lengths = [one for one in part.accesses.values() if one.method == "len"]
        for read in part.accesses.values() if len(lengths) > 1 else ():
            found = read.key == "-1" and _unseen(state, part, read, lengths)
            if found:
                yield found
                break


_KEPT = re.compile(r"\w\s*=\s*len\(")


def _unseen(state: State, part: Part, read: Access, lengths: list[Access]) -> Symptom | None:
    lengths = [one for one in lengths if one.location == read.location]
    before = any(one.number < read.number for one in lengths)
    after = next((one for one in lengths if one.number > read.number), None)
    kept = read.returned or read.number in part.used
    if not (before and kept and read.loop and after) or not _KEPT.search(state.line(after)):
        return None
    rival = next(state.rivals(part.actor, common_hold((read, after)), read, adds_entry), None)
    if rival is None:
        return None
    return Symptom(
        "IS110", Severity.MEDIUM, window((read, after)), "unseen", state.location, part.actor,
        after, read, rival,
    )  # fmt: skip


def _sources(part: Part, write: Access) -> Iterator[Access]:
    """The reads that a write depends on, as far as a change of them would matter."""
    if write.kind is Kind.UPDATE and not write.atomic:
        yield write
    decided = write.guards if write.value == "constant" else frozenset()
    for read in part.among(write.depends - decided):
        if read.method in ("in", "not in", "bool"):
            continue  # that is a decision, whatever comes of it
        same_place = read.location.path == write.location.path
        other_entry = is_literal(read.key) and is_literal(write.key) and read.key != write.key
        other_entry = other_entry or _copied(read, write)
        looks_up = len(read.location.path) < len(write.location.path)
        if not looks_up and not (same_place and other_entry):
            yield read


def by_place(state: State, part: Part, write: Access) -> bool:
    """Whether the index of an entry is looked for and then used, where others move the entries."""
    if "list" not in state.types or write.key is None or is_literal(write.key):
        return False
    searched = any(
        read.location == write.location
        and (read.kind is Kind.ITERATE or read.method in ("len", "index"))
        for read in part.among(write.depends)
    )
    return searched and any(_moves(rival.access, write) for rival in state.writers)


def _moves(other: Access, write: Access) -> bool:
    return other.location == write.location and other.method in {*REMOVING, "insert", "sort"}


def same_entry(part: Part, write: Access) -> bool:
    """Whether it replaces an entry by one that is made of it."""
    return any(
        read.key == write.key is not None and read.method not in ("in", "not in")
        for read in part.among(write.depends)
    )


def _copied(read: Access, write: Access) -> bool:
    """Whether one entry is put under another key, each in a hold of its own."""
    apart = None not in (read.key, write.key) and read.key != write.key
    return apart and bool(read.held and write.held)


def _lost(state: State, part: Part, read: Access, write: Access) -> Symptom | None:
    span = common_hold((read, write))
    adds = adds_entry(write) and not same_entry(part, write)
    identity = adds and _numbers(state, read, write)
    disturbed = write if identity or read is write else read
    rival = next(state.rivals(part.actor, span, disturbed), None)
    if rival is None or (read is not write and kept_or_replaced(state.source(write))):
        return None
    rule = "IS110" if identity else family_of(write, state.location)
    gap = window((read, write))
    severity = _severity(state, part, write, gap, rival)
    pattern = "identity" if identity else _pattern(part, read, write)
    if by_place(state, part, write):
        rule, pattern = "IS110", "moved"
    if write.method in SPARING:
        rule, severity, pattern = "IS110", Severity.MEDIUM, "removed anyway"
    if pattern in ("number", "count") and _TURNED.search(state.line(write)):
        pattern = "turned"
    if span:
        rule, severity, pattern = "IS113", Severity.MEDIUM, "other lock"
    elif write.held or read.held:
        rule, pattern = "IS113", _why_no_lock_helps(read, write)
    return Symptom(
        rule, severity, gap, pattern, state.location, part.actor, write,
        None if read is write else read, rival,
    )  # fmt: skip


def _numbers(state: State, read: Access, write: Access) -> bool:
    """Whether a look at the whole container goes into a new entry: its id, mostly."""
    last = (read.key or "").replace(" ", "")
    counted = read.method in ("len", "max", "count", "sum") or last == "-1" or last.endswith(")-1")
    greatest = read.kind is Kind.ITERATE and "max" in state.line(read) + state.line(write)
    deeper = len(read.location.path) > len(write.location.path)
    counted = counted or (deeper and read.key is not None and write.value != "call")
    return read is not write and (counted or greatest)


def adds_entry(write: Access) -> bool:
    """Whether there is one entry more after it."""
    if not inside(write) or write.method not in ADDING:
        return False
    return write.method != "+=" or write.key is None


_TURNED = re.compile(r"=\s*not\b")


def _pattern(part: Part, read: Access, write: Access) -> str:
    counts = write.value == "number" or write.method in ("+=", "-=")
    if not counts:
        return "change"
    return "number" if told(part, write) else "count"


def _severity(state: State, part: Part, write: Access, gap: Window, rival: Rival) -> Severity:
    if not between_requests(part.actor, rival.actor):
        return Severity.MEDIUM
    counts = write.value == "number" or write.method in ("+=", "-=")
    if gap is Window.LATENT and counts and not _matters(state):
        return Severity.MEDIUM
    return Severity.HIGH


def told(part: Part, write: Access) -> bool:
    """Whether the request does something with the number that it has made."""
    if write.returned or part.used & (write.depends | {write.number}):
        return True
    return any(
        read.kind is Kind.READ
        and read.location == write.location
        and (read.number > write.number or read.returned or read.number in part.used)
        for read in part.accesses.values()
    )


def _matters(state: State) -> bool:
    """Whether anything but a display of statistics hangs on the value."""
    for part in state.parts:
        mine = part.accesses.keys()
        for access in part.accesses.values():
            if changes(access) and access.guards & mine:
                return True
            if changes(access) and told(part, access):
                return True
    return False


def _why_no_lock_helps(read: Access, write: Access) -> str:
    locks = [hold.lock for access in (read, write) for hold in access.held]
    if locks and all(lock.private for lock in locks):
        return "private lock"
    if read is write:
        return "other lock"
    return "read outside"
