"""Fields that belong together, written or read one by one.

How it stays right. Two fields belong together if one function writes both and another one reads
both. Whoever reads between the two writes sees the new one with the old one. Either both are
written in one hold of a lock that the reader takes for both reads, or they are one object that is
bound once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from instep.races.reading.model import Access, Actor, Kind, Location, Program, Root
from instep.races.rules.finding import Severity
from instep.races.rules.locking import common_hold
from instep.races.rules.methods import changes, inside, is_literal
from instep.races.rules.scene import CONCURRENT, thing
from instep.races.rules.symptom import Symptom, window
from instep.races.rules.updating import OTHERS

Cell = tuple[Location, str | None]
Pair = tuple[Access, Access]


def torn(program: Program) -> Iterator[Symptom]:
    """Every pair of fields that one function writes and another one reads, not in one step."""
    written: dict[Location, list[tuple[Actor, Pair]]] = defaultdict(list)
    read: dict[Location, dict[frozenset[Cell], tuple[Actor, Pair]]] = defaultdict(dict)
    for actor in program.actors:
        if actor.role in CONCURRENT:
            for owner, pair in _pairs(actor, writes=True):
                written[owner].append((actor, pair))
            for owner, pair in _pairs(actor, writes=False):
                known = read[owner].setdefault(_cells(pair), (actor, pair))
                if common_hold(known[1]) and not common_hold(pair):
                    read[owner][_cells(pair)] = actor, pair
    for owner, pairs in written.items():
        for writer, pair in pairs:
            found = read[owner].get(_cells(pair))
            if found is not None and (writer is not found[0] or writer.repeated):
                symptom = _symptom(owner, writer, pair, *found)
                if symptom is not None:
                    yield symptom


def _pairs(actor: Actor, *, writes: bool) -> Iterator[tuple[Location, Pair]]:
    """Neighbours among the accesses of one owner's fields, made by one function."""
    fields: dict[tuple[Location, str], list[Access]] = defaultdict(list)
    for access in actor.trace:
        wanted = changes(access) if writes else access.kind in (Kind.READ, Kind.TEST)
        if wanted and access.location.root not in OTHERS and access.value != "constant":
            owner = _owner(access)
            if owner is not None:
                fields[owner, access.place.function].append(access)
    for (owner, _), accesses in fields.items():
        for first, second in pairwise(accesses):
            if len(_cells((first, second))) == 2:
                yield owner, (first, second)


def _owner(access: Access) -> Location | None:
    """What a field belongs to: an instance, a dictionary with this literal key, a module."""
    location = access.location
    if inside(access):
        literal = is_literal(access.key) and not (access.key or "").lstrip("-").isdigit()
        return replace(location, path=location.path[:-1]) if literal else None
    if location.path:
        return replace(location, path=location.path[:-1])
    return replace(location, name="") if location.root is Root.GLOBAL else None


def _cells(pair: Pair) -> frozenset[Cell]:
    return frozenset((access.location, access.key) for access in pair)


def _symptom(
    owner: Location, writer: Actor, wrote: Pair, reader: Actor, saw: Pair
) -> Symptom | None:
    together = {lock.name for lock in common_hold(wrote) if not lock.per_key}
    seen = {lock.name for lock in common_hold(saw) if not lock.per_key}
    if together & seen:
        return None
    state = thing(owner if owner.name else wrote[1].location)
    if together:
        return Symptom(
            "IS113", Severity.MEDIUM, window(saw), "halves", state, reader, saw[1], saw[0]
        )
    if any(access.kind is Kind.UPDATE for access in wrote):
        return None
    first, last = wrote
    gap = window(wrote)
    return Symptom("IS115", Severity.MEDIUM, gap, "torn", state, writer, first, last)
