"""Names for pieces of state, found by walking from what a program's modules hold, and their values.

Nothing of the program runs here: no `__repr__`, no property, no `__eq__`. What is not made of plain
types is told by its class and its attributes.
"""

from __future__ import annotations

import sys
from array import array
from ast import literal_eval
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

from instep.races.watching.uses import content

MOST = 5_000
"""So many objects are walked through at most."""

WIDE = 500
"""So many items of a container are looked at."""

ABROAD = 1
"""An object of a library is looked into, such as the application; those that it holds are not."""

DEEP = 6
PLAIN = (str, int, float, bool, bytes, type(None), complex)
ATTRIBUTE, ITEM, WHOLE = "attribute", "item", "whole"


INDEXED: tuple[type[Any], ...] = (dict, list, array, bytearray)
HOLDING = (UserDict, UserList, ChainMap)
"""Of the standard library, and yet nothing but what is in them."""

CONTAINERS = (dict, list, tuple, set, frozenset, deque)


class _Absent:
    """Stands for what is not there."""


ABSENT = _Absent()

Watched = tuple[str, str, str]
"""A location that can be found again in another process: its owner's name, the key, and how."""


def attributes(owner: Any) -> dict[str, Any]:
    """What an object's own `__dict__` and slots hold, without asking its class."""
    try:
        found = dict(object.__getattribute__(owner, "__dict__"))
    except (AttributeError, TypeError, ValueError):
        found = {}
    for cls in type(owner).__mro__:
        for name in _slots(cls):
            member: Any = cls.__dict__.get(name)
            if type(member).__name__ == "member_descriptor":
                try:
                    found[name] = member.__get__(owner)
                except AttributeError:
                    pass
    return found


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def peek(owner: Any, key: Any, item: bool) -> Any:
    """The value that is there now; `ABSENT` if there is none."""
    if type(owner) is dict or isinstance(owner, dict):
        return dict.get(owner, key, ABSENT)
    if type(owner) is CellType:
        return content(owner, ABSENT)
    if item:
        owner = _kept(owner)
        cls = next((cls for cls in INDEXED if isinstance(owner, cls)), None)
        try:
            return cls.__getitem__(owner, key) if cls else ABSENT
        except (LookupError, TypeError):
            return ABSENT
    if isinstance(owner, type):
        return vars(owner).get(key, ABSENT)
    return attributes(owner).get(key, ABSENT)


def _kept(value: Any) -> Any:
    """The plain container in which one of `collections` keeps its items."""
    return attributes(value).get("data") if isinstance(value, UserDict | UserList) else value


class Names:
    """Knows where objects hang.

    Args:
        roots: names and what they stand for; a module's is its `__dict__`, and ends in a colon.
    """

    def __init__(self, roots: Iterable[tuple[str, Any]]) -> None:
        self.roots = list(roots)
        self.known: dict[int, str] = {}
        self.alive: list[Any] = []
        self.past: dict[int, str] = {}
        self.kept: list[Any] = []
        self.walk()

    def walk(self) -> None:
        """Look again: objects are made while a program runs."""
        waiting = deque((name, value, 0) for name, value in self.roots)
        self.past = {**self.past, **self.known}
        self.kept = self.alive  # so that nobody else gets an identity of the past
        self.known, self.alive = {}, []
        while waiting and len(self.alive) < MOST:
            name, value, abroad = waiting.popleft()
            if id(value) in self.known or isinstance(value, (*PLAIN, ModuleType)):
                continue
            if type(value) not in CONTAINERS and _is_foreign(value):
                abroad += 1
            self.known[id(value)] = name
            self.alive.append(value)
            if abroad <= ABROAD:
                waiting.extend((*inner, abroad) for inner in _inside(name, value))

    def name(self, owner: Any, key: Any, item: bool, whole: bool) -> str | None:
        """Of a location, such as `orders['n']` or `stock.count`; None if it hangs nowhere."""
        found = self.known.get(id(owner)) or self.past.get(id(owner))
        if found is None:
            return None
        if whole or type(owner) is CellType:
            return found
        if item:
            return f"{found}[{text(key)}]"
        return f"{found}{key}" if found.endswith(":") else f"{found}.{key}"


def state(names: Names, watched: Iterable[Watched]) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of locations, wherever they hang now, and what they hold in words."""
    found, words = {}, {}
    owners = {name: value for value in names.alive if (name := names.known[id(value)])}
    for place in watched:
        name, key, how = place
        owner = owners.get(name, ABSENT)
        label = name if how == WHOLE else f"{name}{'' if name.endswith(':') else '.'}{key}"
        if how == ITEM:
            label = f"{name}[{key}]"
        value = owner if how == WHOLE else _found(owner, key, how)
        value = content(value, ABSENT) if type(value) is CellType else value
        found[label], words[label] = digest(value), text(value, 160)
    return found, words


def _found(owner: Any, key: str, how: str) -> Any:
    if how == ITEM and isinstance(owner, dict):
        with suppress(ValueError, SyntaxError, TypeError, RecursionError):
            return dict.get(owner, literal_eval(key), ABSENT)
        return next((value for k, value in dict.items(owner) if repr(k) == key), ABSENT)
    return peek(owner, int(key) if how == ITEM and key.isdigit() else key, how == ITEM)


def shown(name: str) -> str:
    """A name without its module."""
    return name.rpartition(":")[2] or name.rstrip(":")


def _inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in list(value.items())[:WIDE]:
            if not isinstance(key, PLAIN):
                continue
            if not name.endswith(":"):
                yield f"{name}[{text(key)}]", inner
            elif isinstance(key, str) and not key.startswith("__"):
                yield f"{name}{key}", inner
    elif isinstance(value, list | tuple | deque):
        for place, inner in enumerate(list(value)[:WIDE]):
            yield f"{name}[{place}]", inner
    elif type(value) is CellType:
        yield name, content(value, ABSENT)
    elif isinstance(value, MethodType):
        yield type(value.__self__).__name__, value.__self__
        yield name, value.__func__
    elif isinstance(value, FunctionType):
        yield from _of_function(name, value)
    elif isinstance(value, type):
        for key, inner in [] if _foreign(value) else list(value.__dict__.items())[:WIDE]:
            if not key.startswith("__"):
                yield f"{name}.{key}", inner
    else:
        for key, inner in list(attributes(value).items())[:WIDE]:
            yield f"{name}.{key}", inner


def _of_function(name: str, function: FunctionType) -> Iterator[tuple[str, Any]]:
    yield from zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    for inner in function.__defaults__ or ():
        yield f"{name} default", inner
    for key, inner in function.__dict__.items():
        if key != "__wrapped__":
            yield f"{name}.{key}", inner


def text(value: Any, room: int = 40) -> str:
    """A value in a few characters, for people."""
    if value is ABSENT:
        return "nothing"
    value = list(value) if isinstance(value, array | bytearray) else _kept(value)
    told = _told(value, 0)
    return told if len(told) <= room else f"{told[: room - 1]}…"


def _told(value: Any, depth: int) -> str:
    if type(value) in PLAIN:
        return repr(value if not isinstance(value, str | bytes) else value[:60])
    if type(value) is dict and depth < 2:
        inner = [f"{_told(k, 2)}: {_told(v, depth + 1)}" for k, v in list(value.items())[:6]]
        return "{" + ", ".join(inner) + (", …" if len(value) > 6 else "") + "}"
    if type(value) in (list, tuple, set, frozenset) and depth < 2:
        inner = [_told(v, depth + 1) for v in list(value)[:6]] + ["…"] * (len(value) > 6)
        around = "[]" if type(value) is list else "()" if type(value) is tuple else "{}"
        return around[0] + ", ".join(inner) + around[1]
    size = f" of {len(value)}" if type(value) in (dict, list, tuple, set, frozenset) else ""
    return f"<{type(value).__name__}{size}>"


def digest(value: Any) -> str:
    """A value as text that is equal for equal states: no addresses, no order of keys.

    Lists count as bags: who came first into a log is no difference of state.
    """
    return _Digest().of(value, 0)


class _Digest:
    def __init__(self) -> None:
        self.path: list[int] = []
        self.left = 4_000

    def of(self, value: Any, depth: int) -> str:
        self.left -= 1
        if type(value) in PLAIN:
            return repr(value)
        if id(value) in self.path or depth > DEEP or self.left < 0:
            return "…"
        self.path.append(id(value))
        try:
            return self._inside(value, depth + 1)
        finally:
            self.path.pop()

    def _inside(self, value: Any, depth: int) -> str:
        if isinstance(value, dict | list | set | frozenset | deque):
            return f"{type(value).__name__}{self._items(value, depth)}"
        if isinstance(value, tuple):
            return f"tuple{[self.of(v, depth) for v in value]}"
        if isinstance(value, type | FunctionType | ModuleType):
            return f"<{getattr(value, '__name__', '')}>"
        if isinstance(value, array | bytearray):
            return repr(bytes(value))
        foreign = _is_foreign(value) and not isinstance(value, HOLDING)
        own = {} if foreign else attributes(value)
        inner = sorted((str(name), self.of(v, depth)) for name, v in own.items())
        return f"<{type(value).__qualname__} {inner}>"

    def _items(self, value: Any, depth: int) -> list[str]:
        """The newest first: of very many, those that were there long ago are only counted."""
        left: list[Any] = list(dict.items(value) if isinstance(value, dict) else value)
        if isinstance(value, set | frozenset) and len(left) > self.left:
            return [f"{len(left)} items"]  # in no order that says which are new
        found = []
        while left and self.left > 0:
            each = left.pop()
            pair = each if isinstance(value, dict) else (each,)
            found.append(": ".join(self.of(part, depth) for part in pair))
        return sorted(found) + ([f"and {len(left)} more"] if left else [])


def _is_foreign(value: Any) -> bool:
    """Of a library: its inside is its own affair, and full of locks and clocks."""
    if isinstance(value, FunctionType):
        return is_abroad(value.__code__.co_filename)
    return _foreign(value if isinstance(value, type) else type(value))


@lru_cache(maxsize=2_048)
def _foreign(cls: type) -> bool:
    module = sys.modules.get(cls.__module__)
    path = getattr(module, "__file__", None) or ""
    return not path or is_abroad(path)


def is_abroad(path: str) -> bool:
    """Whether a file is an installed library's, or Python's own."""
    return "site-packages" in path or path.startswith(sys.base_prefix)
