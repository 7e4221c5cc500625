"""How a program would write the way to an object that a walk has reached: `shop.stock['tea']`.

Nothing of the program runs for it: attributes are read past its own `__getattribute__`, and only
plain keys are shown.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import (
    CellType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
)
from typing import Any

from instep.races.forks.reach import Step, home

_CONTAINERS: set[type] = {dict, list, tuple, set, frozenset, OrderedDict, defaultdict, deque}
_CONTAINERS |= {MappingProxyType, FunctionType, MethodType, CellType}


def holder(step: Step, own: Mapping[str, object]) -> Step:
    """Where the program's own names end: the first thing on the way that is of a library.

    Args:
        step: what a walk has reached.
        own: the program's modules.
    """
    path = step.path
    return next((each for each in path[1:] if not _passed(type(each.thing), own)), path[-1])


def _passed(kind: type, own: Mapping[str, object]) -> bool:
    return kind in _CONTAINERS or issubclass(kind, type) or home(kind) in own


def named(step: Step) -> str:
    """The way to what was reached, as an expression."""
    path = step.path
    pairs = pairwise(path)
    return path[0].name + "".join(_label(before, here.thing) for before, here in pairs)


def _label(before: Step, thing: object) -> str:
    """How one object leads to another: `.name`, `[key]`, or without a word."""
    source = before.thing
    around = before.before.thing if before.before else None
    if type(around) is FunctionType and type(source) is tuple:
        return _closed_over(around, source, thing)
    if issubclass(type(source), dict):
        return _item(before, around, thing)
    if type(source) in (list, tuple, deque):
        return next((f"[{i}]" for i, each in enumerate(list(source)) if each is thing), "")  # type: ignore[call-overload]
    return next((f".{name}" for name, value in attributes(source) if value is thing), "")


def _item(before: Step, around: object, thing: object) -> str:
    pairs: list[tuple[Any, Any]] = list(dict.items(before.thing))  # type: ignore[arg-type]
    key = next((key for key, value in pairs if value is thing), None)
    kept = any(space is before.thing for space in _spaces(around))
    if before.before is None or kept or issubclass(type(around), type):
        return f".{key}"
    return f"[{key!r}]" if type(key) in (str, int, bytes) else "[…]"


def _closed_over(function: FunctionType, cells: tuple[object, ...], cell: object) -> str:
    names = zip(function.__code__.co_freevars, cells, strict=False)
    return next((f", variable {name}" for name, each in names if each is cell), "")


def attributes(thing: object) -> Iterator[tuple[str, object]]:
    """The attributes that are kept in an object, by name; no property is asked."""
    for space in _spaces(thing):
        yield from list(space.items())
    for members in _classes(thing):
        for name, member in list(members.items()):
            if type(member) is MemberDescriptorType and not name.startswith("__"):
                try:
                    yield name, member.__get__(thing)
                except AttributeError:  # not set
                    pass


def _spaces(thing: object) -> Iterator[dict[str, Any]]:
    """The dictionary that attributes are kept in, if there is one."""
    for members in _classes(thing):
        member: Any = members.get("__dict__")
        if type(member) in (GetSetDescriptorType, MemberDescriptorType):
            yield member.__get__(thing)
            return


def _classes(thing: object) -> Iterator[Mapping[str, Any]]:
    """What the classes of an object define, past any metaclass."""
    for kind in type.__dict__["__mro__"].__get__(type(thing)):
        yield type.__dict__["__dict__"].__get__(kind)
