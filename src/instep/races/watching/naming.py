"""Names for people: how the program's own modules lead to an object, as `shop.views.stock.count`.

A breadth-first walk from the globals of the watched modules and from the applications that were
asked, through containers, functions, the program's own classes and their instances, and no further:
not into the objects of libraries. What an ORM keeps in its session, or a client in its pool, is
its own affair, and a request that finds it there found it by way of the library.

An object with no such name is not shared by the program itself.
"""

from __future__ import annotations

import functools
import gc
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from instep.races.watching.probe import LISTS, own
from instep.races.watching.uses import content

LIMIT = 20_000
"""Objects that one walk visits at most."""

WIDE = 2_000
"""Items of one container that are followed."""

_PLAIN = (str, bytes, int, float, complex, type(None), BuiltinFunctionType, ModuleType)


@dataclass(frozen=True, slots=True)
class Edge:
    """One step on the way to an object.

    Args:
        owner: what holds the next one.
        key: under which attribute, global or item; None if that cannot change.
        item: whether it is an item of a container.
        before: the step before.
        text: the whole way, in words.
    """

    owner: Any
    key: Any
    item: bool
    before: Edge | None
    text: str

    def way(self) -> Iterator[Edge]:
        """All the steps, the last one first."""
        edge: Edge | None = self
        while edge is not None:
            yield edge
            edge = edge.before


class Names:
    """Finds the way to objects.

    Args:
        modules: the globals of the program's own modules, by name.
        applications: further beginnings, in words and themselves.
    """

    def __init__(
        self, modules: dict[str, dict[str, Any]], applications: Iterable[tuple[str, object]] = ()
    ) -> None:
        self.modules = modules
        self.applications = list(applications)

    def find(self, wanted: Collection[int]) -> dict[int, Edge]:
        """The shortest way to each of some objects, given by their identities."""
        missing, found = set(wanted), {}
        seen: set[int] = set()
        line: deque[tuple[Any, Edge]] = deque()
        for thing, edge in self._beginnings():
            line.append((thing, edge))
        while line and missing and len(seen) < LIMIT:
            thing, edge = line.popleft()
            if id(thing) in seen or issubclass(type(thing), _PLAIN):
                continue
            seen.add(id(thing))
            if id(thing) in missing:
                missing.discard(id(thing))
                found[id(thing)] = edge
            line.extend(self._next(thing, edge))
        return found

    def _beginnings(self) -> Iterator[tuple[Any, Edge]]:
        for module, space in list(self.modules.items()):
            for key, value in list(space.items()):
                if not key.startswith("__"):
                    yield value, Edge(space, key, False, None, f"{module}.{key}")
        for words, application in self.applications:
            edge = Edge(application, None, False, None, words)
            yield application, edge
            for key, value in list(dict(own(application)).items()):
                yield value, Edge(application, key, False, edge, f"{words}.{key}")

    def _next(self, thing: Any, edge: Edge) -> Iterator[tuple[Any, Edge]]:
        cls = type(thing)
        if issubclass(cls, dict):
            for key, value in islice(_copy(thing, dict.items), WIDE):
                label = f"[{key!r}]" if type(key) in (str, int) else "[…]"
                yield value, Edge(thing, key, True, edge, edge.text + label)
        elif issubclass(cls, (*LISTS, tuple, frozenset)):
            for value in islice(_copy(thing, cls.__iter__), WIDE):
                yield value, Edge(thing, None, True, edge, edge.text + "[…]")
        elif cls is FunctionType:
            yield from _of_function(thing, edge)
        elif cls is MethodType:
            yield thing.__self__, edge
        elif cls is functools.partial or cls.__name__ == "_lru_cache_wrapper":
            yield from ((value, Edge(thing, None, False, edge, edge.text)) for value in _all(thing))
        elif self._is_own(thing if issubclass(cls, type) else cls):
            yield from _attributes(thing, edge)

    def _is_own(self, cls: Any) -> bool:
        return any(base.__dict__.get("__module__") in self.modules for base in cls.__mro__)


def _copy(thing: Any, read: Any) -> list[Any]:
    try:
        return list(read(thing))
    except RuntimeError:  # another thread changes it now
        return []


def _all(thing: object) -> Iterator[object]:
    """What a cache or a partial function holds, two steps deep."""
    for value in gc.get_referents(thing):
        yield value
        if issubclass(type(value), dict):
            for held in islice(_copy(value, dict.values), WIDE):
                yield from gc.get_referents(held) if "lru" in type(held).__name__ else ()


def _of_function(thing: FunctionType, edge: Edge) -> Iterator[tuple[Any, Edge]]:
    for name, cell in zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=False):
        found = Edge(thing, None, False, edge, f"{edge.text}, variable {name}")
        yield cell, found
        yield content(cell), found
    for value in [*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]:
        yield value, Edge(thing, None, False, edge, f"{edge.text}, default argument")
    for key, value in list(thing.__dict__.items()):
        text = edge.text if key == "__wrapped__" else f"{edge.text}.{key}"
        yield value, Edge(thing, key, False, edge, text)


def _attributes(thing: Any, edge: Edge) -> Iterator[tuple[Any, Edge]]:
    for key, value in list(dict(own(thing)).items()):
        kind = type(value)
        if kind is staticmethod or kind is classmethod:
            value = value.__func__
        elif kind is property:
            value = value.fget
        if not (key.startswith("__") and key.endswith("__")) or kind is FunctionType:
            yield value, Edge(thing, key, False, edge, f"{edge.text}.{key}")
    for base in type(thing).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for key in (slots,) if isinstance(slots, str) else tuple(slots):
            member: Any = base.__dict__.get(key)
            if type(member).__name__ == "member_descriptor":
                try:
                    value = member.__get__(thing)
                except AttributeError:
                    continue  # not set
                yield value, Edge(thing, key, False, edge, f"{edge.text}.{key}")
