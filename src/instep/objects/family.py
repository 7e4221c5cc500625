"""Families: many shared objects of one class, by key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from ..codec import Shape
from ..errors import Misuse
from ..transaction import delete, exists, scan
from .names import Named, Owner, entry, text_prefix, under
from .shared import SharedTarget

T = TypeVar("T")


class Family(Named, Generic[T]):
    """Shared objects of one class by key: `carts["user-42"]`; made by `Space.family`.

    A member comes to life at its first use, by a constructor call with the family's arguments.
    `key in family`, `del family[key]`, `len(family)` and iteration (over the keys, in the store's
    order) speak of those that have come to life. Every member is a record of its own.

    Example:
        >>> from instep import Space
        >>> class Cart:
        ...     def __init__(self) -> None:
        ...         self.items: list[str] = []
        ...     def add(self, item: str) -> int:
        ...         self.items.append(item)
        ...         return len(self.items)
        >>> carts = Space("memory:").family("carts", Cart)
        >>> carts["user-42"].add("tea"), carts["user-42"].add("cups"), carts["user-7"].add("rice")
        (1, 2, 1)
        >>> list(carts), "user-1" in carts
        (['user-42', 'user-7'], False)
    """

    def __init__(
        self, space: Owner, name: str, prefix: bytes, shape: Shape[T], make: Callable[[], T]
    ) -> None:
        self._space = space
        self._name = name
        self._prefix = prefix
        self._shape = shape
        self._make = make

    def __getitem__(self, key: Any) -> T:
        return self._target(key).itself()

    def __contains__(self, key: object) -> bool:
        return exists(self._space.opened(), self._target(key))

    def __delitem__(self, key: Any) -> None:
        if not delete(self._space.opened(), self._target(key)):
            raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        return self.keys()

    def __len__(self) -> int:
        return sum(1 for _ in scan(self._space.opened(), self._prefix))

    def __repr__(self) -> str:
        return f"<family {self._name!r} of {self._shape.cls.__qualname__}>"

    def keys(self, prefix: str = "") -> Iterator[Any]:
        """The keys of the members that have come to life, in the store's order.

        Args:
            prefix: only text keys that begin with it.
        """
        found = scan(self._space.opened(), text_prefix(self._prefix, prefix))
        return (entry(self._prefix, full, self._space.codec) for full, _ in found)

    def _target(self, key: Any) -> SharedTarget[T]:
        if isinstance(key, slice):
            raise Misuse(f"{self._name!r}: a family has keys, not slices")
        full = under(self._prefix, key, self._space.codec)
        return SharedTarget(self._space, f"{self._name}[{key!r}]", full, self._shape, self._make)
