"""What a transaction keeps of each key that it holds, and what may not come out of it."""

from __future__ import annotations

from contextlib import _GeneratorContextManager
from types import AsyncGeneratorType, CoroutineType, GeneratorType, MethodType
from typing import Any, Protocol

from .errors import Misuse
from .stores.keys import readable


class Cell(Protocol):
    """What a transaction keeps of one held key."""

    loaded: bytes | None

    def dump(self) -> bytes | None:
        """The bytes to commit as they are now; equal to `loaded` when nothing changed."""

    def restore(self, data: bytes | None) -> None:
        """Go back to what `dump` gave before."""


class Target(Protocol):
    """A key, and how its bytes become what a body works on."""

    key: bytes
    updated: bool

    def cell(self, data: bytes | None) -> Cell:
        """A cell for what was loaded."""

    def accepts(self, cell: Cell) -> bool:
        """Whether a cell that is there already is of this target's kind."""


class Callee(Target, Protocol):
    """A target whose cells have a `value` that functions are called on."""

    def itself(self) -> Any:
        """What stands for the value outside."""


class Plain:
    """A cell of bytes: counters, values and entries, which are replaced, never changed in place."""

    __slots__ = ("data", "loaded")

    def __init__(self, data: bytes | None) -> None:
        self.loaded = self.data = data

    def dump(self) -> bytes | None:
        return self.data

    def restore(self, data: bytes | None) -> None:
        self.data = data


class Bytes:
    """A target that is taken as it is stored."""

    __slots__ = ("key", "updated")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.updated = True

    def cell(self, data: bytes | None) -> Plain:
        return Plain(data)

    def accepts(self, cell: Cell) -> bool:
        return isinstance(cell, Plain)


class Gone(Plain):
    """A cell whose key the transaction has deleted."""

    __slots__ = ()

    def __init__(self, loaded: bytes | None) -> None:
        super().__init__(None)
        self.loaded = loaded


LAZY: frozenset[Any] = frozenset(
    (
        GeneratorType,
        CoroutineType,
        AsyncGeneratorType,
        _GeneratorContextManager,
        MethodType,
        map,
        filter,
    )
)


def refuse_lazy(key: bytes, result: object) -> None:
    """Raise Misuse if a body would go on after its commit."""
    if type(result) in LAZY:
        if isinstance(result, CoroutineType | GeneratorType):
            result.close()
        raise Misuse(
            f"a call on {readable(key)} returned a {type(result).__name__}, which would run "
            "after the commit, on a copy: do the work in the call and return what it made"
        )


def too_large(key: bytes, size: int, limit: int) -> Misuse:
    """The error for a record over the limit."""
    return Misuse(
        f"{readable(key)} would be {size:,} bytes, and a record has at most {limit:,}: keep the "
        "parts in a mapping(…) or a family(…), whose entries are records of their own, or allow "
        "more with max_record="
    )
