"""Values: one thing under one name, replaced as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ..cells import Bytes, refuse_lazy
from ..stores.change import Put
from ..transaction import peek, transaction, update
from .kinds import VALUE, expect
from .names import Named, Owner
from .size import limited

T = TypeVar("T")


class Value(Named, Generic[T]):
    """Any storable value that is read and replaced as a whole; made by `Space.value`.

    Example:
        >>> from instep import Space
        >>> banner = Space("memory:").value("banner", default="hello")
        >>> banner.get(), banner.swap("closed"), banner.update(str.upper)
        ('hello', 'hello', 'CLOSED')
        >>> banner.compare_and_set("open", "x"), banner.compare_and_set("CLOSED", "open")
        (False, True)
    """

    def __init__(self, space: Owner, name: str, key: bytes, default: T) -> None:
        self._space = space
        self._name = name
        self._target = Bytes(key)
        self._default = space.codec.pack(default, f"the default of {name}")

    def __repr__(self) -> str:
        return f"<value {self._name!r}>"

    def get(self) -> T:
        """The value as it was last committed, or the default."""
        return self._load(peek(self._space.opened(), self._target))

    def set(self, new: T) -> None:
        """Replace the value.

        Raises:
            Misuse: it cannot be stored; the message names the part.
        """
        update(self._space.opened(), self._target, Put(self._dump(new), self._check))

    def swap(self, new: T) -> T:
        """Replace the value in one step and return what it was."""
        data = self._dump(new)

        def change(old: bytes | None) -> tuple[bytes, bytes | None]:
            self._check(old)
            return data, old

        return self._load(update(self._space.opened(), self._target, change))

    def update(self, fn: Callable[[T], T]) -> T:
        """Replace the value by what a function makes of it, in one step.

        Args:
            fn: gets the value and returns the new one; it runs once, while the value is held.

        Returns:
            The new value.
        """
        with transaction(self._space.opened()) as held:
            cell = held.cell(self._target)
            new = fn(self._load(cell.data))
            refuse_lazy(self._target.key, new)
            cell.data = self._dump(new)
            return self._load(cell.data)

    def compare_and_set(self, old: T, new: T) -> bool:
        """Replace the value if it equals `old`; whether it did."""
        data = self._dump(new)
        with transaction(self._space.opened()) as held:
            cell = held.cell(self._target)
            if self._load(cell.data) != old:
                return False
            cell.data = data
            return True

    def _load(self, data: bytes | None) -> T:
        self._check(data)
        loaded: T = self._space.codec.unpack(self._default if data is None else data[1:])
        return loaded

    def _dump(self, value: T) -> bytes:
        return limited(
            VALUE + self._space.codec.pack(value, self._name), self._target.key, self._space
        )

    def _check(self, data: bytes | None) -> None:
        if data is not None and data[:1] != VALUE:
            raise expect(VALUE, data, self._name)
