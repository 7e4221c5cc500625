"""The classes that a class names in its annotations: what its state is going to hold."""

import inspect
import sys
import typing
from collections.abc import Iterator
from enum import Enum
from types import SimpleNamespace
from typing import Any


def hinted(cls: type) -> list[type]:
    """Return the program's own classes found in the annotations of a class.

    Those that come with Python are left out: they are built in, or they cannot be stored.
    """
    found: dict[type, None] = {}
    for hint in _hints(cls):
        found.update(dict.fromkeys(_classes(hint)))
    found.pop(cls, None)
    return list(found)


def _hints(cls: type) -> list[Any]:
    try:
        return list(typing.get_type_hints(cls).values())
    except Exception:  # one that cannot be resolved spoils them all, so: one by one
        return [hint for base in cls.__mro__ for hint in _hints_one_by_one(base)]


def _hints_one_by_one(cls: type) -> Iterator[Any]:
    try:
        annotations = inspect.get_annotations(cls)
    except Exception:
        return
    names = dict(vars(sys.modules.get(cls.__module__, SimpleNamespace())))
    for name, annotation in annotations.items():
        single: Any = SimpleNamespace(__annotations__={name: annotation})
        try:
            yield from typing.get_type_hints(single, names, dict(vars(cls))).values()
        except Exception:
            continue  # the refusal of what is found there later names the way out


def _classes(hint: Any) -> Iterator[type]:
    pending, seen = [hint], set()
    while pending:
        hint = pending.pop()
        if id(hint) in seen or typing.get_origin(hint) is typing.ClassVar:
            continue
        seen.add(id(hint))
        pending += typing.get_args(hint)
        pending += [typing.get_origin(hint), getattr(hint, "__value__", None)]  # of `type X = …`
        if isinstance(hint, type) and not typing.get_args(hint) and declarable(hint):
            yield hint


def declarable(cls: type) -> bool:
    """Tell whether a class can be stored once it is declared, as far as its origin tells.

    One of the program's or of a package it uses; of those that come with Python, an enumeration
    or a named tuple. The rest of the standard library is connections, locks and machinery.
    """
    if not cls.__flags__ & 1 << 9:
        return False  # written in C
    foreign = cls.__module__.partition(".")[0] not in sys.stdlib_module_names
    return foreign or issubclass(cls, (Enum, tuple))
