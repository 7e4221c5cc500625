"""The classes of one space, and its way between values and bytes."""

import os
import sys
import threading
from typing import Any, TypeVar
from weakref import WeakSet

from ormsgpack import unpackb

from ..errors import Misuse, StoreError
from .hints import hinted
from .reader import Reader, corrupt
from .refusal import explain
from .shape import Shape
from .values import Refused
from .writer import Writer

T = TypeVar("T")


class Codec:
    """Turns values into bytes and back, losslessly or not at all, for the classes it was told of.

    Args:
        lead: bytes that every record of an instance begins with.

    Example:
        >>> codec = Codec()
        >>> codec.unpack(codec.pack({"point": (1, 2)}, "example"))
        {'point': (1, 2)}
    """

    def __init__(self, lead: bytes = b"") -> None:
        self.lead = lead
        self.shapes: dict[type, Shape[Any]] = {}
        self._tags: dict[str, Shape[Any]] = {}
        self._declared: set[type] = set()
        self._ambiguous: set[str] = set()
        # Taken to write the tables; reading them is one look-up and needs none.
        self._lock = threading.RLock()
        _codecs.add(self)

    def declare(self, *classes: type) -> None:
        """Let instances of these classes be stored, and those of the classes in their annotations.

        Args:
            classes: dataclasses, plain and slotted classes, enums, named tuples, subclasses of
                built-in containers, texts and numbers.

        Raises:
            Misuse: a class cannot be stored, or two bear the same name.
        """
        for cls in classes:
            self.shape(cls)

    def shape(self, cls: type[T]) -> Shape[T]:
        """Declare a class and return the plan of how its state is captured and restored.

        Raises:
            Misuse: the class cannot be stored, or another one bears its name.
        """
        shape = self.shapes.get(cls)
        if shape is not None and cls in self._declared:
            return shape
        if not isinstance(cls, type):
            raise Misuse(f"only a class can be declared, not {cls!r}")
        with self._lock:
            shape = self.shapes.get(cls)  # of several threads the first wins
            if shape is not None and cls in self._declared:
                return shape
            return self._register(cls)

    def _register(self, cls: type[T]) -> Shape[T]:
        shape = Shape(self, cls)
        other = self._tags.get(shape.tag)
        if other is not None and not _same(other.cls, cls):
            if other.cls in self._declared:
                raise Misuse(_two(shape.tag, other.cls, cls))
            del self.shapes[other.cls]  # it was only hinted at: what is declared goes first
        self._enter(shape)
        self._declared.add(cls)
        return shape

    def _enter(self, shape: Shape[Any]) -> None:
        self._tags[shape.tag] = shape
        self.shapes[shape.cls] = shape
        for found in hinted(shape.cls):
            if found not in self.shapes:
                self._hint(found)

    def _hint(self, cls: type) -> None:
        """Declare a class that an annotation names, unless that is in doubt."""
        try:
            shape: Shape[Any] = Shape(self, cls)
        except Misuse:
            return  # should an instance be met, its refusal says so
        other = self._tags.get(shape.tag)
        if shape.tag in self._ambiguous or (other is not None and other.cls in self._declared):
            return
        if other is not None and not _same(other.cls, cls):
            # Neither may have the name: which one does must not hang on the order of imports.
            self._ambiguous.add(shape.tag)
            del self._tags[shape.tag], self.shapes[other.cls]
            return
        self._enter(shape)

    def pack(self, value: object, where: str) -> bytes:
        """Return the bytes of a value.

        Args:
            value: what is to be stored.
            where: what to call it in an error.

        Raises:
            Misuse: it, or something in it, cannot be stored; the message has its path.
        """
        try:
            return Writer(self.shapes).pack(value)
        except Refused as refusal:
            raise Misuse(explain(self.shapes, value, where, refusal)) from None

    def unpack(self, data: bytes | memoryview) -> Any:
        """Return the value that was packed.

        Raises:
            StoreError: the bytes are corrupt, of a class that is not declared or of a newer one.
        """
        reader: Reader | None = None

        def hook(code: int, inner: bytes) -> Any:
            nonlocal reader
            if reader is None:  # most data have nothing but what msgpack has words for
                reader = Reader(self)
            return reader.hook(code, inner)

        try:
            value = unpackb(data if type(data) is bytes else bytes(data), ext_hook=hook)
        except ValueError as error:
            reason = reader.reason(error) if reader else corrupt(error)
            raise reason from reason.__cause__
        if reader is None:
            return value
        for instance, extra in reader.extras.values():
            raise StoreError(_unusual(instance, extra.unknown))
        return value

    def revive(self, reader: Reader, data: bytes) -> Any:
        """Return the instance of a declared class that a nested record holds."""
        tag, version, state = reader.record(data)
        shape = self._tags.get(tag)
        if shape is None:
            name = tag.rpartition(".")[2]
            raise StoreError(
                f"the record holds a {tag}, which this program has not declared: call "
                f"space.declare({name}) where the space is made"
            )
        return shape.build(reader, version, state)


def _same(one: type, other: type) -> bool:
    """Tell whether two classes are one, made again by a reload or by running a module as main."""
    return one.__qualname__ == other.__qualname__ and _source(one) == _source(other)


def _source(cls: type) -> str:
    module = sys.modules.get(cls.__module__)
    return getattr(module, "__file__", None) or cls.__module__


def _two(tag: str, one: type, other: type) -> str:
    return (
        f"{one.__module__}.{one.__qualname__} and {other.__module__}.{other.__qualname__} would "
        f'both be stored as {tag!r}: set __instep_name__ = "…" in one of them'
    )


def _unusual(instance: object, unknown: dict[str, object]) -> str:
    name = type(instance).__qualname__
    if unknown:
        return (
            f"the record holds a {name} with {', '.join(map(repr, unknown))}, for which the class "
            "has no place: give it a higher __version__ and a __migrate__ that takes them out"
        )
    return f"the record holds a {name} of a newer __version__: upgrade this program"


_codecs: WeakSet[Codec] = WeakSet()


def _unlock() -> None:
    """In a fork's child, nobody is left who could let go of a lock that was held at the fork."""
    for codec in list(_codecs):
        codec._lock = threading.RLock()


os.register_at_fork(after_in_child=_unlock)
