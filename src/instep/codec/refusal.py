"""Where in a state the value is that cannot be stored: found only after it was refused.

The first child that is refused on its own is followed down to the value that has no such child.
"""

import reprlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .values import Refused
from .writer import Writer

if TYPE_CHECKING:
    from .shape import Shape

_SEQUENCES = (list, tuple, deque)
_TEXTS = (str, bytes, bytearray)
_STEPS = 300  # down, after which it is the depth that is at fault
_LONGEST = 300  # characters of a path: one that goes round and round is cut


def explain(shapes: "dict[type, Shape[Any]]", value: object, where: str, refusal: Refused) -> str:
    """Return the message that names the path of the first value that cannot be stored."""
    path, seen = where, {id(value)}
    while len(seen) < _STEPS:
        found = _first_refused(shapes, value, path)
        if found is None:
            break
        path, value, refusal = found
        if id(value) in seen:
            refusal = Refused("which contains itself: keep a key or a name instead")
            break
        seen.add(id(value))
    if len(path) > _LONGEST:
        path = path[:_LONGEST] + "…"
    return f"{path} is of type {_name(type(value))}, {refusal}"


def _first_refused(
    shapes: "dict[type, Shape[Any]]", value: object, path: str
) -> tuple[str, object, Refused] | None:
    for where, child in _children(shapes, value, path):
        try:
            Writer(shapes).pack(child)
        except Refused as refusal:
            return where, child, refusal
    return None


def _children(
    shapes: "dict[type, Shape[Any]]", value: Any, path: str
) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, item in dict.items(value):
            yield f"key {_text(key)} of {path}", key
            yield f"{path}[{_text(key)}]", item
    elif isinstance(value, _SEQUENCES):
        for index, item in enumerate(value):
            yield f"{path}[{index}]", item
    elif isinstance(value, (set, frozenset)):
        for item in value:
            yield f"an item of {path}", item
    shape = shapes.get(type(value))
    if shape is not None:
        yield from _attributes(shape, value, path)


def _attributes(shape: "Shape[Any]", instance: object, path: str) -> Iterator[tuple[str, object]]:
    state = shape.attributes(instance)
    if isinstance(state, dict) and all(isinstance(name, str) for name in state):
        for name, item in state.items():
            yield f"{path}.{name}", item
    else:
        yield f"{path}.__getstate__()", state


def _text(key: object) -> str:
    # Only what is built in: a __repr__ of the program's own might fail in its turn.
    plain = type(key).__module__ == "builtins"
    return reprlib.repr(key) if plain else f"<{_name(type(key))}>"


def _name(kind: type) -> str:
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
