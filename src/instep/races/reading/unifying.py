"""Makes the parts of one container one location, where requests choose the key.

How it stays right. `state["users"]` and `state["orders"]` are two things as long as every key is
written in the source. As soon as a request chooses the key, `state[name]` may be either of them.
"""

from __future__ import annotations

from dataclasses import replace

from instep.races.reading.model import Access, Actor, Location


def unify(actors: list[Actor], types: dict[Location, set[str]]) -> dict[Location, set[str]]:
    """Rewrite the locations below containers that are looked into by unknown keys.

    Args:
        actors: whose traces are rewritten.
        types: what locations hold.

    Returns:
        The types by the rewritten locations.
    """
    chosen: set[tuple[object, ...]] = {
        (*parent(access.location), access.location.path[:-1])
        for actor in actors
        for access in actor.trace
        if by_unknown_key(access)
    }
    if not chosen:
        return types
    known: dict[Location, Location] = {}
    for actor in actors:
        for number, access in enumerate(actor.trace):
            location = access.location
            if not any(one.startswith("['") for one in location.path):
                continue
            if location not in known:
                known[location] = unified(location, chosen)
            if known[location] is not location:
                actor.trace[number] = replace(access, location=known[location])
    merged: dict[Location, set[str]] = {}
    for location, names in types.items():
        merged.setdefault(unified(location, chosen), set()).update(names)
    return merged


def parent(location: Location) -> tuple[str, str, str]:
    """What a path begins at."""
    return location.root, location.owner, location.name


def by_unknown_key(access: Access) -> bool:
    """Whether an access chooses an item by a key that the source does not tell."""
    if not access.location.path or access.location.path[-1] != "[]" or access.key is None:
        return False
    return not access.key.startswith(("'", '"'))


def unified(location: Location, chosen: set[tuple[object, ...]]) -> Location:
    """The location with the steps forgotten that requests choose."""
    path: list[str] = []
    for one in location.path:
        here = (*parent(location), tuple(path))
        path.append("[]" if one.startswith("['") and here in chosen else one)
    changed = tuple(path)
    return location if changed == location.path else replace(location, path=changed)
