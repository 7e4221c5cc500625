"""Who touches what, in one run: which locations are shared, and at which places they lie open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from instep.races.exploring.plan import Spot
from instep.races.exploring.turns import Actor
from instep.races.watching import WHOLE, Site

FREE: frozenset[int] = frozenset()

Touch = tuple[int, bool, Spot, frozenset[int]]
"""Who, whether it writes, where, and which locks were held."""


class Sharing:
    """Collects touches; equal ones are kept once, so that a loop costs no memory."""

    def __init__(self) -> None:
        self.touches: dict[int, dict[Any, set[Touch]]] = defaultdict(lambda: defaultdict(set))
        self.marks: set[Any] = set()
        self.owners: dict[int, Any] = {}
        self.items: dict[int, bool] = {}

    def touch(self, me: Actor, owner: Any, key: Any, site: Site, writes: bool) -> None:
        """Note an access. The owner is kept, so that no other object gets its identity."""
        number = id(owner)
        held = frozenset(map(id, me.held)) if me.held else FREE
        mark = (me.number, number, key, id(site), held)
        if mark in self.marks:
            return
        self.marks.add(mark)
        if number not in self.owners:
            self.owners[number], self.items[number] = owner, site.item
        place = site.place
        spot = (place.path, place.line, place.column)
        self.touches[number][key].add((me.number, writes, spot, held))

    def shared(self) -> Iterator[tuple[Any, Any, bool, set[Touch]]]:
        """Owner, key, whether it is an item, and touches, of what two touch and one writes."""
        for number, keys in self.touches.items():
            whole = keys.get(WHOLE, set())
            for key, touches in keys.items():
                group = touches | whole
                if key is WHOLE:
                    group = set().union(*keys.values())
                elif not self.items[number]:
                    group = group.union(*self._inherited(self.owners[number], key))
                if len({touch[0] for touch in group}) > 1 and any(touch[1] for touch in group):
                    yield self.owners[number], key, self.items[number], group

    def _inherited(self, owner: Any, key: Any) -> Iterator[set[Touch]]:
        """Reads of an attribute that its class had, before the object got its own."""
        for cls in () if isinstance(owner, type) else type(owner).__mro__:
            if id(cls) in self.touches:
                yield self.touches[id(cls)].get(key, set())

    def open_spots(self) -> set[Spot]:
        """Places where a shared location is touched without a lock that all others hold, too."""
        found: set[Spot] = set()
        for *_, touches in self.shared():
            for one in touches:
                if any(_conflict(one, other) for other in touches):
                    found.add(one[2])
        return found


def _conflict(one: Touch, other: Touch) -> bool:
    return one[0] != other[0] and (one[1] or other[1]) and not one[3] & other[3]
