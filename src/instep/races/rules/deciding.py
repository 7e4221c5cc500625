"""Check-then-act: what was tested may no longer hold when it is acted on.

How it stays right. A write is safe if one of the tests that decide it lies in the same hold of a
lock as the write, and all who could change the answer take that lock. So double-checked locking,
where the test is made again inside, is no finding; a test outside alone is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from instep.races.reading.model import Access, Kind, Role
from instep.races.rules.finding import Severity
from instep.races.rules.locking import common_hold
from instep.races.rules.methods import (
    FAILING,
    REMOVING,
    binds,
    changes,
    error_of,
    inside,
    is_literal,
    meet,
    removes,
)  # fmt: skip
from instep.races.rules.scene import Part, Rival, State
from instep.races.rules.symptom import Symptom, between_requests, window
from instep.races.rules.updating import adds_entry, by_place, same_entry


def decisions(state: State, *, filled: bool) -> Iterator[Symptom]:
    """Every act on a piece of state that an earlier look at it decides.

    Args:
        state: the piece of state.
        filled: requests change attributes of what it holds, so that two of them are not alike.
    """
    for part in state.parts:
        for write in part.writes():
            acts = [
                _act(state, part, write, guard, rival, filled)
                for guard, rival in _open(state, part, write, _threat(write))
            ]
            yield from sorted(filter(None, acts), key=lambda act: act.order)[:1]
        yield from _looks(state, part)


Threat = Callable[[Access], bool]


def _threat(write: Access) -> Threat:
    """Which writes of others spoil what was tested."""
    if inside(write) and write.method in REMOVING:
        return removes
    return changes


def _open(state: State, part: Part, act: Access, threat: Threat) -> list[tuple[Access, Rival]]:
    """The tests that decide an act, with a rival that may come between; none if a lock helps."""
    found: list[tuple[Access, Rival]] = []
    guards = act.guards
    if act.method in FAILING:
        guards = guards | act.depends | _asked_before(part, act)
    for guard in part.among(guards):
        if _tells_nothing(guard) or not _concerns(guard, act):
            continue
        span = common_hold((guard, act))
        disturbed = guard if len(guard.location.path) >= len(act.location.path) else act
        rival = next(state.rivals(part.actor, span, disturbed, threat), None)
        if rival is None and span:
            return []
        if rival is not None:
            found.append((guard, rival))
    return found


SILENT = frozenset("set clear append appendleft extend add insert remove discard update".split())
"""These return nothing that could decide anything; at most they fail."""


def _asked_before(part: Part, act: Access) -> frozenset[int]:
    """The last access of the entry that is taken out, if that asked whether it is there.

    Whatever comes of the answer: a function may be called that raises on some of its paths.
    """
    same = [
        one
        for number, one in part.accesses.items()
        if number < act.number and one.location == act.location and one.key == act.key
    ]
    asked = act.key is not None and same and same[-1].method in ("in", "not in")
    return frozenset({same[-1].number}) if asked else frozenset()


def _tells_nothing(guard: Access) -> bool:
    return guard.kind is Kind.WRITE or (guard.kind is Kind.UPDATE and guard.method in SILENT)


def _concerns(guard: Access, act: Access) -> bool:
    """Whether a test says something about what is acted on."""
    if guard.location.path == act.location.path:
        return meet(guard, act)
    longer = max(guard.location.path, act.location.path, key=len)
    shorter = min(guard.location.path, act.location.path, key=len)
    return longer[: len(shorter)] == shorter


def _act(
    state: State, part: Part, write: Access, guard: Access, rival: Rival, filled: bool
) -> Symptom | None:
    if by_place(state, part, write):
        sorted_out: Sorted = ("IS110", "moved", Severity.HIGH)
    elif len(guard.location.path) < len(write.location.path) and inside(write):
        sorted_out = _looked_up(state, part, guard, write)
    elif binds(write) or _is_field(write, guard):
        sorted_out = _bound(state, part, write, guard, filled)
    elif write.method in REMOVING:
        sorted_out = _removed(state, write, guard)
    elif adds_entry(write) and not same_entry(part, write):
        sorted_out = _added(state, part, write, guard)
    else:
        sorted_out = ("IS110", "spent twice", Severity.HIGH)
    if sorted_out is None:
        return None
    rule, pattern, severity = sorted_out
    if not between_requests(part.actor, rival.actor):
        severity = Severity.MEDIUM
    if write.held and rule in ("IS110", "IS111"):
        rule, severity = "IS113", Severity.MEDIUM
    gap = window((guard, write))
    return Symptom(rule, severity, gap, pattern, state.location, part.actor, write, guard, rival)


Sorted = tuple[str, str, Severity] | None


def _looked_up(state: State, part: Part, guard: Access, write: Access) -> Sorted:
    """An entry was found and then changed: does anybody take it away or put another there?"""
    outer = len(guard.location.path)
    span = common_hold((guard, write))
    for rival in state.rivals(part.actor, span, write):
        if len(rival.access.location.path) <= outer:
            return "IS110", "changed when gone", Severity.HIGH
    return None


_BOUND = re.compile(r"len\(.*\)\s*(>=?)\s*([\w.]+)")


def _trims(line: str) -> bool:
    """Whether it takes out what is too much, so that there is always something left."""
    found = _BOUND.search(line)
    return found is not None and found[2] != "0" and (found[1], found[2]) != (">=", "1")


_MEANT = frozenset({"KeyError", "IndexError", "ValueError", "LookupError"})
"""Who catches one of these has thought of it that the entry may be gone."""


def _removed(state: State, write: Access, guard: Access) -> Sorted:
    """An entry was found and is taken out: who else has found it?"""
    if guard.method == "len" and _trims(state.line(guard)):
        return None
    meant = any(state.caught(write, error) in _MEANT for error in (error_of(write), "IndexError"))
    if write.method in FAILING and not meant:
        return "IS110", "removed twice", Severity.HIGH
    used = guard.returned and guard.kind is not Kind.ITERATE and guard.key == write.key
    return ("IS110", "used twice", Severity.HIGH) if used else None


_COMPARED = re.compile(r"(?<!-)[<>]")


def _is_field(write: Access, guard: Access) -> bool:
    """Whether it sets an entry whose key is written out, as one sets an attribute."""
    return is_literal(write.key) and write.method == "=" and guard.method != "len"


def _bound_to(state: State, write: Access) -> str:
    """The source of what is written, if its line is known."""
    return state.line(write).rpartition("=")[2].strip()


_NONE = re.compile(r"\bNone\b")


def _otherwise(guard: Access, write: Access, other: Access) -> bool:
    """Whether one is written if something was found there, and the other one if not."""
    alike = (other.location, other.key, other.value) == (write.location, write.key, write.value)
    both = guard.number in other.guards
    return alike and both and (guard.number in write.met) is not (guard.number in other.met)


def _set(state: State, part: Part, write: Access, guard: Access) -> Sorted:
    """A flag: does anybody set it back?"""
    if any(_otherwise(guard, write, other) for other in part.writes()):
        return "IS110", "turned", Severity.HIGH
    unset = _NONE.search(state.line(guard)) is not None
    for rival in state.writers:
        if unset and not _NONE.search(state.line(rival.access)):
            continue  # it was not set at all before, and nobody makes it so again
        if _bound_to(state, write) == _bound_to(state, rival.access) != "":
            continue  # to the same value: nothing is set back
        other = rival.access
        if (
            inside(other) is inside(write)
            and other.key == write.key
            and other.place != write.place
            and other.value == "constant"
        ):
            return "IS110", "flag", Severity.HIGH
    return "IS111", "once", Severity.MEDIUM


def _bound(state: State, part: Part, write: Access, guard: Access, filled: bool) -> Sorted:
    """A name or attribute: made at first use, a flag, or a number that was tested."""
    if write.kind is Kind.UPDATE:
        return "IS110", "spent twice", Severity.HIGH
    if write.value == "constant":
        return _set(state, part, write, guard)
    if write.value == "number":
        rests = any(True for _ in part.among(write.depends))
        deadline = not rests and _COMPARED.search(state.line(guard))
        return "IS110", "spent twice", Severity.MEDIUM if deadline else Severity.HIGH
    if write.value == "request":
        return "IS110", "taken twice", Severity.HIGH
    if write.value in ("new", "call"):
        if _COMPARED.search(state.line(guard)):
            return "IS110", "expired", Severity.MEDIUM
        return "IS111", "made twice", Severity.HIGH if filled else Severity.MEDIUM
    return "IS110", "spent twice", Severity.MEDIUM


def _added(state: State, part: Part, write: Access, guard: Access) -> Sorted:
    """An entry that was not there: remembered, registered, or one too many."""
    deeper = any(
        len(rival.access.location.path) > len(write.location.path) for rival in state.writers
    )
    if guard.number in write.met and (guard.method == "in" or write.value in ("new", "request")):
        return _put_back(state, part, write, guard)
    if guard.kind is Kind.TEST and _EMPTY.search(state.line(guard)):
        return "IS110", "first twice", Severity.HIGH
    if guard.kind is Kind.TEST and guard.method in ("len", "<", "<=", ">", ">=", "=="):
        return "IS110", "too many", Severity.HIGH
    if not _speaks_of(state, write, guard):
        return "IS110", "taken twice", Severity.MEDIUM
    if write.method == "add":  # the set is the same; the question is what else hangs on it
        return "IS110", "taken twice", Severity.HIGH if guard.returned else Severity.MEDIUM
    if _remembers(part, write) or _found_again(part, write, guard):
        return "IS110", "remembered twice", _worth(part, write, deeper=deeper)
    return "IS110", "taken twice", Severity.HIGH


_EMPTY = re.compile(r"not len\(|len\([^()]*\)\s*(==\s*0|<\s*1)\b")


def _put_back(state: State, part: Part, write: Access, guard: Access) -> Sorted:
    """An entry was there and is replaced by another one: does anybody take it away meanwhile?"""
    span = common_hold((guard, write))
    taken = next(state.rivals(part.actor, span, guard, removes), None)
    return ("IS110", "put back", Severity.MEDIUM) if taken is not None else None


def _speaks_of(state: State, write: Access, guard: Access) -> bool:
    """Whether what is appended is what was looked for, going by its name."""
    line = state.line(write)
    if write.method != "append" or guard.method != "in" or not guard.key or not line:
        return True
    wanted = "".join(re.findall(r"\w+", guard.key)[-1:])
    given = re.findall(r"\w+", line.partition("append")[2])
    return any(word in wanted or wanted in word for word in given)


def _worth(part: Part, write: Access, *, deeper: bool) -> Severity:
    """What is lost if it is made twice: what was put into it, an identity, or only time."""
    if deeper:
        return Severity.HIGH
    elsewhere = write.depends - part.accesses.keys()
    plain = write.value in ("request", "number", "constant") and not elsewhere
    return Severity.LOW if plain else Severity.MEDIUM


def _remembers(part: Part, write: Access) -> bool:
    """Whether it only keeps what was made, to be found the next time: the entry is read again."""
    if write.key is None:
        return False
    handed_on = write.value in ("new", "request")  # as what is registered is, too
    return any(
        read.number not in write.refused
        and (not handed_on or read.returned or read.number in part.used)
        for read in part.reads(write.key)
    )


def _found_again(part: Part, write: Access, guard: Access) -> bool:
    """Whether whoever finds the entry, and whoever has made it, go on with the same look at it."""
    if guard.method == "[]" and guard.key == write.key is not None:
        return True  # `try: return made[key]`, and made if that fails
    return any(
        read.number > write.number and guard.number not in read.guards
        for read in part.reads(write.key)
    )


def _looks(state: State, part: Part) -> Iterator[Symptom]:
    """What was tested is read again, and may be gone or another by then."""
    for read in part.accesses.values():
        if read.kind is not Kind.READ or read.method not in ("", "[]"):
            continue
        for guard in part.among(read.guards):
            found = _gone(state, part, guard, read)
            if found is not None:
                yield found
                break


def _gone(state: State, part: Part, guard: Access, read: Access) -> Symptom | None:
    if guard.location != read.location or guard.key != read.key:
        return None
    if not inside(read) and guard.place.function != read.place.function:
        return None

    def empties(write: Access) -> bool:
        """What was there is not there any more: removed, set to None, or to something else."""
        if inside(write):
            return removes(write)
        return write.method == "del" or (write.value in _OTHER and not _fills(state, write))

    span = common_hold((guard, read))
    rival = next(
        (
            rival
            for rival in state.rivals(part.actor, span, guard, empties)
            if inside(read) or not _prepares(rival)
        ),
        None,
    )
    if rival is None:
        return None
    rule = "IS110" if inside(read) else "IS112"
    return Symptom(
        rule, Severity.MEDIUM, window((guard, read)), "gone", state.location, part.actor,
        read, guard, rival,
    )  # fmt: skip


def _prepares(rival: Rival) -> bool:
    """Whether a hook makes it for every request, or once: as good as what was tested."""
    made = rival.access.value == "call" or bool(rival.access.guards)
    return made and rival.actor.role is not Role.VIEW


_OTHER = frozenset({"constant", "request", "call", ""})
"""What a variable is set to when it need not be of use to who has tested it."""


def _fills(state: State, write: Access) -> bool:
    """Whether a write happens only where there was nothing before, going by its own test."""
    return any(
        part.accesses.get(write.number) is write and any(True for _ in part.among(write.guards))
        for part in state.parts
    )
