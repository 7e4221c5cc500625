"""The attributes of an instance: which there are, how they are taken out and put back.

How it stays right: everything goes past the class's own `__init__`, `__setattr__` and `__slots__`
tricks, straight to the descriptors that Python made for the class, so frozen dataclasses, slots and
private names need no case of their own, and no code of the class runs unless it is a state method.
"""

import dataclasses
import sys
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any, Generic

from ..errors import StoreError
from .values import Refused

Leftover = dict[str, object]


class Form:
    """How the instances of one class are captured and made again.

    A form knows nothing of bytes, tags or versions.
    """

    def capture(self, instance: Any) -> Any:
        """Return the state of an instance."""
        raise NotImplementedError

    def create(self, state: Any) -> Any:
        """Return an instance with as much of the state as only its making can give it."""
        raise NotImplementedError

    def fill(self, instance: Any, state: Any) -> Leftover:
        """Give an instance the rest of the state; return what it has no place for."""
        return {}

    def clear(self, instance: Any) -> None:
        """Take all state from an instance that will be filled again."""

    def lacks(self, state: Any) -> bool:
        """Tell whether `fill` adds anything that the state does not have."""
        return False

    def changed(self, state: Any, change: Callable[[Any], Any]) -> Any:
        """Return the state with its attributes changed: what a migration works on."""
        return change(state)


class Attributes(Form):
    """All attributes: `__dict__`, and the slots of the whole class tree.

    States of classes with slots are sorted by name, so that a slot that comes, goes or moves does
    not change the bytes of an unchanged instance.
    """

    def __init__(self, cls: type, base: Any = object) -> None:
        self.cls = cls
        self.base = base
        self.slots = dict(_slots(cls))
        self.caches = frozenset(_caches(cls))
        self.set_dict = _dict_setter(cls)
        self.defaults = dict(_defaults(cls, bool(self.slots)))
        self.wanted = frozenset(self.defaults)
        self.plain = base is object and self.set_dict is not None
        self.plain = self.plain and not self.slots and not self.caches

    def capture(self, instance: Any) -> dict[str, object]:
        state: dict[str, object] = dict(instance.__dict__) if self.set_dict else {}
        for cache in self.caches & state.keys():
            del state[cache]
        if self.slots and not set(map(type, state)) <= {str}:
            raise Refused("which has an attribute whose name is not a plain str")
        for name, slot in self.slots.items():
            try:
                state[name] = slot.__get__(instance)
            except AttributeError:
                pass  # never assigned
        return dict(sorted(state.items())) if self.slots else state

    def create(self, state: Any) -> Any:
        return self.base.__new__(self.cls)

    def fill(self, instance: Any, state: Any) -> Leftover:
        self._check(state)
        rest = {name: value for name, value in state.items() if name not in self.slots}
        if self.set_dict:
            self.set_dict(instance, rest)
            rest = {}
        for name in self.slots.keys() & state.keys():
            self.slots[name].__set__(instance, state[name])
        for name in self.wanted - state.keys():
            object.__setattr__(instance, name, self.defaults[name](instance))
        return rest

    def lacks(self, state: Any) -> bool:
        self._check(state)
        return not self.wanted <= state.keys()

    def _check(self, state: Any) -> None:
        if type(state) is not dict:
            raise StoreError(f"the state of a {self.cls.__qualname__} is not one of attributes")

    def clear(self, instance: Any) -> None:
        if self.set_dict:
            self.set_dict(instance, {})
        for slot in self.slots.values():
            try:
                slot.__delete__(instance)
            except AttributeError:
                pass  # not assigned


class Own(Attributes):
    """What the class itself says: `__getstate__`, `__setstate__`, or both, as for pickle."""

    def __init__(self, cls: type, base: Any = object) -> None:
        super().__init__(cls, base)
        self.getstate = own_method(cls, "__getstate__")
        self.setstate = own_method(cls, "__setstate__")
        self.plain = False

    def capture(self, instance: Any) -> Any:
        return super().capture(instance) if self.getstate is None else self.getstate(instance)

    def fill(self, instance: Any, state: Any) -> Leftover:
        if state is None:
            return {}
        if self.setstate is not None:
            self.setstate(instance, state)
            return {}
        if type(state) is tuple and len(state) == 2:  # what object.__getstate__ makes of slots
            state = {**(state[0] or {}), **(state[1] or {})}
        return super().fill(instance, state)

    def lacks(self, state: Any) -> bool:
        return False  # what is missing is for its __setstate__ to see to


def own_method(cls: type, name: str) -> Callable[..., Any] | None:
    """Return a state method that somebody wrote.

    Those that dataclasses and attrs generate bear other names. They store by position, or fail
    over an attribute that is not there, and would stand in the way of a class that changes.
    """
    method = getattr(cls, name, None)
    if method is None or method is getattr(object, name, None):
        return None
    return method if getattr(method, "__name__", "") == name else None


def _made_in_python(cls: type) -> bool:
    heap, immutable = cls.__flags__ & 1 << 9, cls.__flags__ & 1 << 8
    return bool(heap and not immutable)


def _slots(cls: type) -> Iterator[tuple[str, Any]]:
    for base in reversed(cls.__mro__):  # the most derived one wins
        names = base.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name in ("__dict__", "__weakref__"):
                continue
            private = name.startswith("__") and not name.endswith("__")
            mangled = f"_{base.__name__.lstrip('_')}{name}" if private else name
            if mangled in base.__dict__:
                yield mangled, base.__dict__[mangled]


def _caches(cls: type) -> Iterator[str]:
    if Generic in cls.__mro__:
        yield "__orig_class__"  # typing notes there how a Box[int](…) was spelled
    # By the name of the type as well: werkzeug and others bring their own.
    for base in cls.__mro__:
        for name, value in base.__dict__.items():
            cached = isinstance(value, cached_property)
            if cached or type(value).__name__ == "cached_property":
                yield name


def _dict_setter(cls: type) -> Callable[[Any, dict[str, object]], None] | None:
    """Return what replaces an instance's `__dict__` even if the class is frozen."""
    for base in cls.__mro__:
        if "__dict__" in base.__dict__ and cls.__dictoffset__:
            setter: Callable[[Any, dict[str, object]], None] = base.__dict__["__dict__"].__set__
            return setter
    return None


def _defaults(cls: Any, slotted: bool) -> Iterator[tuple[str, Callable[[Any], object]]]:
    """Yield what gives a missing attribute its value where the class itself does not."""
    for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
        if field.default_factory is not dataclasses.MISSING:
            yield field.name, partial(_call, field.default_factory)
        elif slotted and field.default is not dataclasses.MISSING:
            yield field.name, partial(_constant, field.default)
    for attribute in getattr(cls, "__attrs_attrs__", ()):
        default = attribute.default
        if hasattr(default, "takes_self"):
            yield (
                attribute.name,
                default.factory if default.takes_self else partial(_call, default.factory),
            )
        elif default is not sys.modules["attr"].NOTHING:  # attrs is here: it made the class
            yield attribute.name, partial(_constant, default)


def _call(factory: Callable[[], object], instance: Any) -> object:
    return factory()


def _constant(value: object, instance: Any) -> object:
    return value
