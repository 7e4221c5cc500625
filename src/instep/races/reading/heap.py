"""Objects in the heap: who can reach them, what they hold.

How it stays right. An object is private until it is stored where others can reach it; from then on
its home is a location, and so are its attributes and items. Two objects made by the same place and
stored in the same place are one.
"""

from __future__ import annotations

import sys
from typing import Any

from instep.races.reading import outside
from instep.races.reading.model import Location, Root
from instep.races.reading.values import (
    NOTHING,
    REST,
    Bound,
    Object,
    Outside,
    Partial,
    Thing,
    Value,
    View,
    join,
    room,
)

DEEPEST = 4
FAR = 3
"""Steps after which an object is called after its class, and no longer by the way to it."""
PARSED = frozenset({"request", "loaded"})
"""Kinds of values that may well be mappings: JSON, of a request or of a file."""
UNKNOWN = "unknown"
"""What is in JSON that a request has sent: nothing else is known of it."""
RECORD = "record"
"""What the database or the request owns; it never becomes a location."""


def step(location: Location, name: str) -> Location:
    """One step further, or the same place when the path is long enough."""
    if len(location.path) >= DEEPEST:
        return location
    return Location(location.root, location.owner, location.name, (*location.path, name))


def item_step(key: object) -> str:
    """The step to an item."""
    return f"[{key!r}]" if isinstance(key, str) else "[]"


def publish(value: Value, location: Location, depth: int = 0) -> None:
    """Let a location hold what a value may be: the private objects in it are private no longer."""
    for thing in value.things:
        if isinstance(thing, Object):
            publish_object(thing, location, depth)
        elif isinstance(thing, Bound) and isinstance(thing.receiver, Object):
            own = thing.receiver.cls is not None
            publish_object(thing.receiver, shared_self(thing.receiver) if own else location, depth)
        elif isinstance(thing, View):
            publish_object(thing.owner, location, depth)
        elif isinstance(thing, Partial):
            for argument in (*thing.arguments, *thing.keywords.values()):
                publish(argument, location, depth + 1)


def publish_object(thing: Object, location: Location, depth: int) -> None:
    """Give an object its home, and what hangs on it too."""
    if thing.home is not None or thing.what == RECORD or depth > DEEPEST + 2:
        return
    if thing.cls is not None and len(location.path) >= FAR:
        location = by_class(thing, location)
    thing.home = location
    for name, inner in thing.attributes.items():
        publish(inner, step(location, "." + name), depth + 1)
    for key, inner in list(thing.items.items()):
        publish(inner, step(location, item_step(key)), depth + 1)


def shared_self(thing: Object) -> Location:
    """Where an object is that nothing names, but that answers requests: its class tells."""
    if thing.cls is None:
        return Location(Root.GLOBAL, "", thing.what)
    return Location(Root.GLOBAL, thing.cls.module.name, thing.cls.node.name)


def by_class(thing: Object, location: Location) -> Location:
    """What an object is called that is far down: one of its class, or the one of its class."""
    own = shared_self(thing)
    return step(own, "[]") if "[]" in location.path else own


def keep(old: Value | None, new: Value) -> Value:
    """What a place holds after a store: both, with objects of the same making taken for one.

    It is `old` itself if that knew all that is new.
    """
    new = new.bare()
    if old is None or old is NOTHING:
        return new
    old = old.bare()
    things: list[Thing] = list(old.things)
    grown = bool(old.kind and old.kind != new.kind)
    for thing in new.things:
        if thing in things:
            continue
        if isinstance(thing, Object):
            twin = next(
                (one for one in things if isinstance(one, Object) and same(one, thing)), None
            )
            if twin is not None:
                grown = absorb(twin, thing) or grown
                continue
        if room(len(things), thing):
            things.append(thing)
    if not grown and len(things) == len(old.things):
        return old
    kind = old.kind if old.kind == new.kind else ""
    return Value(tuple(things), kind=kind)


def same(one: Object, other: Object) -> bool:
    """Whether two objects come from one place in the source."""
    return one.site == other.site and one.what == other.what and one.cls is other.cls


def absorb(one: Object, other: Object) -> bool:
    """Make two objects share what they hold; says whether the first got more to hold."""
    if one.attributes is other.attributes:
        return False
    more = other.attributes, other.items
    other.attributes, other.items = one.attributes, one.items  # first: one may be in the other
    grown = share(one.attributes, more[0]) | share(one.items, more[1])
    if one.home is None:
        return grown
    other.home = home = one.home
    if grown:
        for name, inner in one.attributes.items():
            publish(inner, step(home, "." + name))
        for key, inner in list(one.items.items()):
            publish(inner, step(home, item_step(key)))
    return grown


def share(mine: dict[Any, Value], others: dict[Any, Value]) -> bool:
    """Keep what another holds too; says whether that is more."""
    grown = False
    for key, inner in others.items():
        old = mine.get(key)
        mine[key] = kept = keep(old, inner)
        grown = grown or kept is not old
    return grown


def put(thing: Object, key: object, value: Value) -> bool:
    """Store an item; a published container publishes it. Says whether it holds more now."""
    if key is not REST and (not isinstance(key, (str, int)) or len(thing.items) > 40):
        key = REST
    if thing.home is not None and parsed(value):
        value = Value((unknown(thing, key),), value.reads, value.kind)
    old = thing.items.get(key)
    thing.items[key] = kept = keep(old, value) if thing.home else merge(old, key, value)
    if thing.home is not None:
        publish(value, step(thing.home, item_step(key)))
    return kept is not old


def merge(old: Value | None, key: object, value: Value) -> Value:
    """An item of a private container, which still knows what it was read from."""
    return value if old is None or key is not REST else join(old, value)


def library(what: str) -> bool:
    """Whether a thing comes from a library that looks after its own state."""
    known = what.partition(".")[0] in outside.OWN_WORLD
    return what == RECORD or (known and not what.startswith(outside.PLAIN))


def parsed(value: Value) -> bool:
    """Whether a value may well be a mapping, of which nothing else is known."""
    return value.kind in PARSED and all(isinstance(one, Outside) for one in value.things)


def opaque(thing: Object) -> bool:
    """Whether a thing may hold what nobody has seen it being given."""
    if thing.cls is not None or thing.what in outside.KNOWN_CONTAINERS:
        return False
    first, last = thing.what.partition(".")[0], thing.what.rpartition(".")[2]
    if first in sys.stdlib_module_names and last not in outside.LOADED:
        return False  # its containers are known
    return not (thing.what in outside.CLOSED or library(thing.what))


def unknown(thing: Object, key: object) -> Object:
    """An item that was never seen; below the deepest the thing itself stands for it."""
    path, line, _ = thing.site
    if opaque(thing) and path.count("\0") >= DEEPEST:
        return thing
    what = thing.what if opaque(thing) else UNKNOWN
    return Object(what, (f"{path}\0{item_step(key)}", line, -7), thing.born)


def items(thing: Object, key: object = REST) -> Value:
    """What an item may be: the one of a known key, or any."""
    found = stored(thing, key)
    if opaque(thing):
        seen = bool(found.things) and (key is not REST or REST in thing.items)
    else:
        seen = thing.home is None or not parsed(found)
    if seen:
        return found
    put(thing, key, Value((unknown(thing, key),), found.reads, found.kind))
    return stored(thing, key)


def stored(thing: Object, key: object) -> Value:
    """What was seen being put into an item."""
    if key is not REST and key in thing.items:
        rest = thing.items.get(REST, NOTHING)
        return join(thing.items[key], rest)
    if key is not REST and isinstance(key, str) and REST not in thing.items and thing.items:
        return NOTHING
    return join(*thing.items.values()) if thing.items else NOTHING


def deep_reads(value: Value, depth: int = 0) -> frozenset[int]:
    """The reads a value comes from, with those of what a private container of it holds."""
    reads = value.reads
    if depth < 3:
        for thing in value.things:
            if isinstance(thing, Object) and thing.home is None:
                for inner in (*thing.items.values(), *thing.attributes.values()):
                    more = deep_reads(inner, depth + 1)
                    reads = reads | more if more else reads
    return reads


def shared_objects(value: Value, depth: int = 0) -> list[Object]:
    """The published objects that a value is, or that a private container of it holds."""
    found: list[Object] = []
    for thing in value.things:
        if isinstance(thing, View):
            thing = thing.owner
        if not isinstance(thing, Object):
            continue
        if thing.home is not None:
            found.append(thing)
        elif depth < 3:
            for inner in (*thing.items.values(), *thing.attributes.values()):
                found += shared_objects(inner, depth + 1)
    return found
