"""Instances that are more than their attributes, and which form a class takes."""

from collections.abc import Callable
from enum import Enum, Flag
from typing import Any

from ..errors import Misuse, StoreError
from .attributes import Attributes, Form, Leftover, Own, own_method

# Each takes the exact built-in value out of an instance of a subclass, past all overrides.
CONTENT: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
    list: lambda value: list.__getitem__(value, slice(None)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}
FILLERS: dict[type, Callable[[Any, Any], None]] = {
    bytearray: bytearray.extend,
    list: list.extend,
    dict: dict.update,
    set: set.update,
}


class Built(Form):
    """A subclass of a built-in container, text or number: its content, then its attributes."""

    def __init__(self, cls: type, base: Any, inner: Attributes) -> None:
        self.cls = cls
        self.base = base
        self.inner = inner

    def capture(self, instance: Any) -> list[object]:
        return [CONTENT[self.base](instance), self.inner.capture(instance)]

    def create(self, state: Any) -> Any:
        self._check(state)
        if self.base in FILLERS:
            return self.base.__new__(self.cls)
        return self.base.__new__(self.cls, state[0])

    def fill(self, instance: Any, state: Any) -> Leftover:
        self._check(state)
        if self.base in FILLERS:
            FILLERS[self.base](instance, state[0])
        return self.inner.fill(instance, state[1])

    def clear(self, instance: Any) -> None:
        if self.base in FILLERS:
            self.base.clear(instance)
        self.inner.clear(instance)

    def lacks(self, state: Any) -> bool:
        self._check(state)
        return self.inner.lacks(state[1])

    def changed(self, state: Any, change: Callable[[Any], Any]) -> Any:
        self._check(state)
        return [state[0], change(state[1])]

    def _check(self, state: Any) -> None:
        if type(state) is not list or len(state) != 2 or type(state[0]) is not self.base:
            raise StoreError(f"the state of a {self.cls.__qualname__} is not one of its kind")


class Fields(Form):
    """A named tuple: by the names of its fields, so that it may gain some with defaults."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls
        self.fields: tuple[str, ...] = cls._fields
        self.defaults: dict[str, object] = cls._field_defaults

    def capture(self, instance: Any) -> dict[str, object]:
        # Sorted, so that what `Extra.unknown` adds finds its place again.
        return dict(sorted(zip(self.fields, tuple.__iter__(instance), strict=True)))

    def create(self, state: Any) -> Any:
        self._check(state)
        whole = {**self.defaults, **state}
        missing = [name for name in self.fields if name not in whole]
        if missing:
            raise StoreError(
                f"the record of a {self.cls.__qualname__} lacks {', '.join(missing)}: give the "
                "class a default for it"
            )
        return tuple.__new__(self.cls, [whole[name] for name in self.fields])

    def fill(self, instance: Any, state: Any) -> Leftover:
        return {name: value for name, value in state.items() if name not in self.fields}

    def lacks(self, state: Any) -> bool:
        self._check(state)
        return any(name not in state for name in self.fields)

    def _check(self, state: Any) -> None:
        if type(state) is not dict:
            raise StoreError(f"the state of a {self.cls.__qualname__} is not one of its fields")


class Member(Form):
    """A member of an enumeration: by name, or by value for flags, which have unnamed ones."""

    def __init__(self, cls: type[Enum]) -> None:
        self.cls = cls
        self.flag = issubclass(cls, Flag)

    def capture(self, instance: Any) -> object:
        return instance._value_ if self.flag else instance._name_

    def create(self, state: Any) -> Any:
        try:
            return self.cls(state) if self.flag else self.cls.__members__[state]
        except (KeyError, ValueError, TypeError):
            raise StoreError(
                f"the record holds {self.cls.__qualname__} {state!r}, which the class does not "
                "have (any more): bring it back, or read the record with the older program"
            ) from None

    def changed(self, state: Any, change: Callable[[Any], Any]) -> Any:
        return state  # a member has no attributes to migrate


def form(cls: type) -> Form:
    """Return how a class is captured.

    Raises:
        Misuse: it is built on something written in C whose insides cannot be seen.
    """
    if issubclass(cls, Enum):
        return Member(cls)
    base = next(base for base in cls.__mro__ if base in CONTENT or not _made_in_python(base))
    if base is tuple and hasattr(cls, "_fields") and not cls.__dictoffset__:
        return Fields(cls)
    if base is not object and base not in CONTENT:
        raise Misuse(
            f"{cls.__qualname__} cannot be stored: it is built on {base.__qualname__}, whose "
            "insides cannot be seen; keep it in a resource, or store what it is made from"
        )
    own = own_method(cls, "__getstate__") or own_method(cls, "__setstate__")
    inner = Own(cls, base) if own else Attributes(cls, base)
    return inner if base is object else Built(cls, base, inner)


def _made_in_python(cls: type) -> bool:
    heap, immutable = cls.__flags__ & 1 << 9, cls.__flags__ & 1 << 8
    return bool(heap and not immutable)
