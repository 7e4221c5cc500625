"""Objects of classes that nobody knows: which of them are containers.

How it stays right. `pool.add(x)` may add to a set, or start a job. What is also looked into as a
container is (`x in pool`, `len(pool)`, `for x in pool`, `pool[0]`) is one; of the others nothing is
said to be changed.
"""

from __future__ import annotations

from dataclasses import replace

from instep.races.reading import outside
from instep.races.reading.heap import UNKNOWN
from instep.races.reading.model import Actor, Kind, Location

SYNTAX = frozenset("[] = += -= len in for del bool list set sorted tuple min max sum any".split())
"""How accesses are called that only a container allows."""
KNOWN = outside.KNOWN_CONTAINERS | {UNKNOWN}


def settle(actors: list[Actor], types: dict[Location, set[str]]) -> None:
    """Take back the changes by verbs of what nobody looks into.

    Args:
        actors: whose traces are rewritten.
        types: what locations hold.
    """
    proven = {
        access.location for actor in actors for access in actor.trace if access.method in SYNTAX
    }
    for actor in actors:
        for number, access in enumerate(actor.trace):
            inside = access.method in outside.VERBS and access.location.path[-1:] == ("[]",)
            if not inside or access.location in proven:
                continue
            names = types.get(access.location)
            if names and not names & KNOWN:
                plain = replace(access.location, path=access.location.path[:-1])
                actor.trace[number] = replace(access, kind=Kind.READ, location=plain)
