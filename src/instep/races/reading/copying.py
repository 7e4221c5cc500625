"""Private objects that a walk made, made again for another walk, or kept as they were.

How it stays right. What belongs to one walk only may be published by it later, and then it is no
longer what it was. So what a call returned is copied when it is remembered and whenever it is
returned again, all that is in it too; what others can reach is the same thing in every copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from instep.races.reading.heap import RECORD
from instep.races.reading.model import Place, Role
from instep.races.reading.values import (
    Bound,
    Method,
    Object,
    Partial,
    Super,
    Thing,
    Value,
    View,
)

MOST_PARTS = 16
"""In a private object that is given, or made."""
DEEPEST = 3

Outsider = tuple[Object, Role, Place, str]


def is_private(thing: Thing) -> bool:
    """Whether a thing belongs to one walk only."""
    return isinstance(thing, Object) and thing.home is None and thing.what != RECORD


def inside(thing: Thing) -> Thing | None:
    """The object that a method or a view belongs to."""
    if isinstance(thing, (Bound, Super)):
        return thing.receiver
    return thing.owner if isinstance(thing, (Method, View)) else None


def private_objects(values: Iterable[Value], depth: int = 0) -> Iterator[Object]:
    """The private objects among some values, and in them."""
    for value in values:
        for thing in value.things:
            if isinstance(thing, Object) and is_private(thing):
                yield thing
                if depth <= DEEPEST:
                    yield from private_objects(thing.items.values(), depth + 1)
                    yield from private_objects(thing.attributes.values(), depth + 1)


def makes(value: Value, walk: int) -> bool:
    """Whether a value has something that the walk made, and keeps."""
    for thing in value.things:
        owner = inside(thing) or thing
        if isinstance(thing, Partial):
            return True
        if isinstance(owner, Object) and is_private(owner) and owner.born == walk:
            return True
    return False


def copyable(value: Value, walk: int, given: list[Object], depth: int = 0) -> bool:
    """Whether what a walk made for a value can be made again by copying it."""
    for thing in value.things:
        owner = inside(thing) or thing
        if isinstance(thing, Partial) or (owner is not thing and is_private(owner)):
            return False
        if not isinstance(thing, Object) or not is_private(thing) or thing.born != walk:
            continue
        count = len(thing.items) + len(thing.attributes)
        if thing in given or thing.held or count > MOST_PARTS or depth > DEEPEST:
            return False
        for held in (thing.items, thing.attributes):
            if not all(copyable(one, walk, given, depth + 1) for one in held.values()):
                return False
    return True


class Copies:
    """Makes again what a walk made, for another walk, or to keep what it was like.

    Args:
        born: the walk that made it.
        walk: the one it is for.
        numbers: from the reads of that walk to those of this one.
        origins: what is known of objects of the outside; of each that is copied, by the new one.
    """

    def __init__(
        self,
        born: int,
        walk: int,
        numbers: Callable[[frozenset[int]], frozenset[int]],
        origins: dict[int, Outsider],
    ) -> None:
        self.born = born
        self.walk = walk
        self.numbers = numbers
        self.origins = origins
        self.made: dict[int, Object] = {}
        self.outsiders: list[Outsider] = []

    def value(self, old: Value) -> Value:
        """What a value is now."""
        things = old.things
        if any(map(is_private, things)):
            things = tuple([self.thing(one) for one in things])
        return Value(things, self.numbers(old.reads), old.kind, old.text)

    def thing(self, old: Thing) -> Thing:
        """What a thing is now: the same, unless that walk made it, and keeps it."""
        if not isinstance(old, Object) or not is_private(old) or old.born != self.born:
            return old
        made = self.made.get(id(old))
        if made is None:
            made = self.made[id(old)] = Object(old.what, old.site, self.walk, old.cls)
            made.arguments, made.numbers = old.arguments, self.numbers(old.numbers)
            made.attributes = {key: self.value(one) for key, one in old.attributes.items()}
            made.items = {key: self.value(one) for key, one in old.items.items()}
            origin = self.origins.get(id(old))
            if origin is not None:
                self.outsiders.append((made, *origin[1:]))
        return made
