"""Plain writes: one step each, which no thread can break, and which every process has for itself.

How it stays right. Binding a fresh object to a name, setting an entry and appending are atomic, so
alone they are worth a note at most. Three forms are more than that: data of one request that is
kept where the next one reads it; a name that is used as the request's own workspace; entries that
other requests rely on, which another worker never sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from instep.races.reading.model import Access, Kind, Role, Root
from instep.races.rules.finding import Severity, Window
from instep.races.rules.locking import taken
from instep.races.rules.methods import binds, changes, inside, is_literal
from instep.races.rules.scene import REQUESTS, Part, State
from instep.races.rules.symptom import Symptom, family_of
from instep.races.rules.updating import adds_entry

PERSONAL = re.compile(
    r"user|login|logged|account|customer|visitor|session|token|auth|role|email|name|phone|cart"
    r"|language|lang\b|locale|current|request|selected|upload|query|search",
    re.IGNORECASE,
)
"""What is one visitor's own, going by its name."""

ACCIDENTAL = (Root.CLASS, Root.DEFAULT)
"""Where state is often shared without anybody wanting it."""


def stores(state: State, *, filled: bool) -> Iterator[Symptom]:
    """Every write that is one step.

    Args:
        state: the piece of state.
        filled: requests change attributes of what it holds.
    """
    for part in state.parts:
        for write in part.writes():
            if not taken(write):  # whoever takes a lock has thought about it
                yield _stored(state, part, write, filled)


def _stored(state: State, part: Part, write: Access, filled: bool) -> Symptom:
    rule, pattern, severity = family_of(write, state.location), "published", Severity.LOW
    window = Window.PROCESSES
    if part.actor.repeated and binds(write) and _scratch(state, part, write):
        pattern, severity, window = "handed over", Severity.MEDIUM, Window.EXPOSED
    elif part.actor.role not in REQUESTS:
        pass
    elif _keeps_request(write) and (kept := _kept(state, part, write)) is not Severity.LOW:
        rule, pattern, severity, window = "IS140", "kept", kept, Window.EXPOSED
    elif binds(write) and _workspace(part, write):
        rule = "IS102" if rule == "IS101" else rule
        pattern, severity, window = "workspace", Severity.HIGH, Window.EXPOSED
    elif binds(write) and _handed_over(part, write):
        pattern, severity, window = "handed over", Severity.MEDIUM, Window.EXPOSED
    elif binds(write) and _replaces(state, write, filled):
        pattern, severity, window = "replaced", Severity.MEDIUM, Window.EXPOSED
    elif _accidental(state) and inside(write):
        told = write.key is None and any(
            read.returned and not changes(read) for read in part.after(write)
        )
        pattern, severity = "accident", Severity.HIGH if told else Severity.MEDIUM
    elif _setting(write):
        pattern, severity = "setting", Severity.MEDIUM
    elif _relied_on(state, part, write):
        pattern, severity = "entries", Severity.MEDIUM
    rule = "IS102" if rule == "IS101" else rule
    return Symptom(rule, severity, window, pattern, state.location, part.actor, write)


def _keeps_request(write: Access) -> bool:
    """Whether data of the request is bound where all requests see it."""
    named = binds(write) or (write.key is not None and is_literal(write.key))
    path = write.location.path
    return write.value == "request" and named and len(path) <= 2 and "[]" not in path[:-1]


def _kept(state: State, part: Part, write: Access) -> Severity:
    """How bad: it is, if this request reads it again, or if it is somebody's own."""
    name = f"{state.location} {write.key or ''}"
    personal = PERSONAL.search(name) is not None
    again = any(_reads(read, write) and (personal or read.returned) for read in part.after(write))
    others = any(
        _reads(read, write)
        for other in state.readers(part.actor)
        for read in other.accesses.values()
    )
    if again or (others and (part.actor.role is Role.HOOK or personal)):
        return Severity.HIGH
    configured = state.location.root is Root.APPLICATION
    return Severity.MEDIUM if others and configured else Severity.LOW


def _reads(read: Access, write: Access) -> bool:
    return not changes(read) and read.location == write.location and read.key == write.key


def _workspace(part: Part, write: Access) -> bool:
    """Whether the request empties a container, fills it and answers from it."""
    if write.value != "new" or any(True for _ in part.among(write.guards)):
        return False
    later = list(part.after(write))
    fills = any(changes(access) and inside(access) for access in later)
    return fills and any(access.returned and not changes(access) for access in later)


def _handed_over(part: Part, write: Access) -> bool:
    """Whether the request reads again for its answer what it has just written."""
    decided = any(True for _ in part.among(write.guards | write.depends))
    if decided or write.value == "constant" or write.kind is Kind.UPDATE:
        return False
    return any(
        read.location == write.location
        and read.kind is Kind.READ
        and (read.returned or read.number in part.used)
        for read in part.after(write)
    )


def _scratch(state: State, part: Part, write: Access) -> bool:
    """Whether a flag is set back at the begin, perhaps set in between, and asked at the end."""
    if write.value != "constant" or write.loop or any(True for _ in part.among(write.guards)):
        return False
    later = [one for one in part.after(write) if one.place.function == write.place.function]
    again = next((one for one in later if binds(one) and one.value == "constant"), None)
    if again is None or state.line(again).strip() == state.line(write).strip():
        return False
    return any(
        not changes(one) and one.number > again.number and again.number not in one.guards
        for one in later
    )


def _replaces(state: State, write: Access, filled: bool) -> bool:
    """Whether others are changing what was there before."""
    if write.value == "constant":
        return False
    return filled or any(inside(rival.access) for rival in state.writers)


def _accidental(state: State) -> bool:
    """Whether it hangs on a class or a default itself, not on an instance that is kept there.

    A registry that a class keeps of itself is no accident: a table by key, not a list of what came.
    """
    of_instance = any(step.startswith(".") for step in state.location.path)
    own = any(name.rpartition(".")[2] in ("WeakValueDictionary", "local") for name in state.types)
    own = own or any("Queue" in name for name in state.types)
    return state.location.root in ACCIDENTAL and not of_instance and not own


def _setting(write: Access) -> bool:
    """Whether it sets what Flask itself reads in every request."""
    if write.location.root is not Root.APPLICATION:
        return False
    own = write.location.path[:1] == (".config",) and (write.key or "").strip("'\"").isupper()
    return own or write.location.path == (".secret_key",)


def _relied_on(state: State, part: Part, write: Access) -> bool:
    """Whether other requests look for the entry that this one has made."""
    bounded = any("deque" in name or "Queue" in name for name in state.types)
    if not adds_entry(write) or bounded or write.value not in ("new", "request", "call"):
        return False
    if any(True for _ in part.among(write.guards)):
        return False  # made by whoever does not find it, in each process
    if state.location.root is Root.APPLICATION or write.method == "setdefault":
        return False
    return any(
        not changes(read) and read.kind is not Kind.TEST
        for other in state.readers(part.actor)
        for read in other.accesses.values()
    )
