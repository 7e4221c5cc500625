"""Shared objects: instances of plain classes whose attributes live in a record."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Generic, TypeVar

from ..cells import Cell, refuse_lazy
from ..codec import Extra, Shape
from ..errors import InstepError, Misuse, StoreError
from ..transaction import call, current, transaction, within
from .kinds import OBJECT, expect
from .names import Owner
from .proxy import proxy_class

T = TypeVar("T")


class ObjectCell(Generic[T]):
    """A live instance in a transaction, and the bytes that it was loaded from."""

    __slots__ = ("extra", "loaded", "target", "value")

    def __init__(
        self, target: SharedTarget[T], loaded: bytes | None, value: T, extra: Extra | None
    ) -> None:
        self.target = target
        self.loaded = loaded
        self.value = value
        self.extra = extra

    def dump(self) -> bytes:
        target, extra = self.target, self.extra
        data = target.shape.dump(self.value, extra, target.name)
        if extra is not None and extra.newer and data != self.loaded:
            raise StoreError(
                f"{target.name!r} was written by version {extra.version} of "
                f"{target.shape.cls.__qualname__}, and this program has version "
                f"{target.shape.version}: it may read the object, not change it; upgrade it"
            )
        return data

    def restore(self, data: bytes | None) -> None:
        assert data is not None
        self.extra = self.target.shape.restore(self.value, data, self.target.name)


class SharedTarget(Generic[T]):
    """The key of a shared object, and how its instance is made and loaded.

    Args:
        space: the space that it is in.
        name: its name, for people.
        key: its key in the store.
        shape: how the class's instances become bytes.
        make: builds the first instance.
    """

    __slots__ = ("key", "make", "name", "shape", "space")
    updated = False

    def __init__(
        self, space: Owner, name: str, key: bytes, shape: Shape[T], make: Callable[[], T]
    ) -> None:
        self.space = space
        self.name = name
        self.key = key
        self.shape = shape
        self.make = make

    def cell(self, data: bytes | None) -> ObjectCell[T]:
        if data is None:
            # What the constructor was given is not what it made: its bytes part the two.
            fresh = self.shape.dump(self.make(), None, self.name)
            return ObjectCell(self, None, *self.shape.load(fresh, self.name))
        if not data.startswith(OBJECT):
            raise expect(OBJECT, data, self.name)
        value, extra = self.shape.load(data, self.name)
        return ObjectCell(self, data, value, extra)

    def itself(self) -> T:
        """The proxy that stands for the object outside its calls."""
        proxy: T = proxy_class(self.shape.cls)(self)
        return proxy

    def accepts(self, cell: Cell) -> bool:
        return isinstance(cell, ObjectCell) and cell.target.shape.cls is self.shape.cls

    def look(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Run a method that changes nothing on a snapshot, or in the caller's transaction."""
        opened = self.space.opened()
        if within(opened) is None:
            return self._look(function, args, kwargs)
        with transaction(opened):  # which undoes what a body that raises has changed
            return self._look(function, args, kwargs)

    def _look(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        cell = self._found()
        before = cell.dump()
        result = function(cell.value, *args, **kwargs)
        refuse_lazy(self.key, result)
        if cell.dump() != before:
            raise Misuse(
                f"{_words(function)} only reads, and it changed the state of {self.name!r}: "
                "change nothing in it, or make it a method that is not @readonly"
            )
        return self.itself() if result is cell.value else result

    def attribute(self, name: str) -> Any:
        """An attribute, of a snapshot or in the caller's transaction."""
        if hasattr(getattr(self.shape.cls, name, None), "fget"):  # a property runs code
            return self.look(attrgetter(name), (), {})
        return getattr(self._found().value, name)

    def assign(self, change: Callable[[T], None], what: str) -> None:
        """Set or delete an attribute, which only a transaction that holds the object may do."""
        outer = current()
        if outer is None or not isinstance(outer.find(self.key), ObjectCell):
            raise Misuse(
                f"{what} of {self.name!r} from outside: between reading and writing it, another "
                "request could come. Do it in a method of the class, or inside "
                "`with space.transaction(…)` that names the object"
            )
        with transaction(self.space.opened()):
            change(outer.cell(self).value)

    def _found(self) -> ObjectCell[T]:
        opened = self.space.opened()
        outer = within(opened)
        if outer is not None:
            cell: ObjectCell[T] = outer.cell(self)
            return cell
        for _ in range(3):
            record = opened.store.read(self.key)
            if record is not None:
                return self.cell(record.data)
            # Not there yet: the constructor runs once, under the hold, for readers too.
            call(opened, self, _nothing, (), {})
        raise InstepError(f"{self.name!r} is deleted as fast as it is made: is that meant?")


def _nothing(_: object) -> None:
    """A call that only brings the object to life."""


def _words(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", "a property")
