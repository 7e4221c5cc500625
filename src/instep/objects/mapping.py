"""Mappings: dictionaries each of whose entries is a record of its own."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, MutableMapping, ValuesView
from typing import Any, TypeVar, overload

from ..cells import Bytes, refuse_lazy
from ..stores.change import Put
from ..transaction import peek, scan, transaction, update
from .kinds import ENTRY, expect
from .names import Named, Owner, entry, text_prefix, under
from .size import limited

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")
_MISSING: Any = object()


class Mapping(Named, MutableMapping[K, V]):
    """A dictionary that workers share; made by `Space.mapping`.

    Callers of different entries do not wait for each other, and an entry costs the same however
    many there are. `setdefault`, `pop` and `popitem` are one step each. `m[k] += 1` is two, a read
    and a
    write: use `compute`. Iteration goes in the store's order, a page at a time, and sees entries
    that are made or deleted meanwhile or not; `len` counts them.

    Example:
        >>> from instep import Space
        >>> stock = Space("memory:").mapping("stock")
        >>> stock["tea"] = 3
        >>> stock.compute("tea", lambda left: left - 1, default=0)
        2
        >>> stock.setdefault("rice", 7), dict(stock.items()), len(stock)
        (7, {'rice': 7, 'tea': 2}, 2)
    """

    def __init__(self, space: Owner, name: str, prefix: bytes) -> None:
        self._space = space
        self._name = name
        self._prefix = prefix

    def __repr__(self) -> str:
        return f"<mapping {self._name!r}>"

    def __getitem__(self, key: K) -> V:
        data = peek(self._space.opened(), self._target(key))
        if data is None:
            raise KeyError(key)
        return self._load(data, key)

    def __setitem__(self, key: K, value: V) -> None:
        target = self._target(key)
        data = self._dump(value, key, target)
        update(self._space.opened(), target, Put(data, lambda old: self._check(old, key)))

    def __delitem__(self, key: K) -> None:
        self.pop(key)

    def __contains__(self, key: object) -> bool:
        return peek(self._space.opened(), self._target(key)) is not None

    def __iter__(self) -> Iterator[K]:
        return self.keys_from("")

    def __len__(self) -> int:
        return sum(1 for _ in scan(self._space.opened(), self._prefix))

    def items(self) -> ItemsView[K, V]:
        """Keys and values, read together, page by page; what is deleted meanwhile is left out."""
        return _Items(self)

    def values(self) -> ValuesView[V]:
        """The values; otherwise like `items`."""
        return _Values(self)

    def pairs(self) -> Iterator[tuple[K, V]]:
        """What `items` goes over."""
        for full, data in scan(self._space.opened(), self._prefix):
            key = entry(self._prefix, full, self._space.codec)
            yield key, self._load(data, key)

    def keys_from(self, prefix: str) -> Iterator[K]:
        """The keys that are texts with this beginning; all keys if it is empty."""
        found = scan(self._space.opened(), text_prefix(self._prefix, prefix))
        return (entry(self._prefix, full, self._space.codec) for full, _ in found)

    @overload
    def setdefault(self, key: K, default: None = None) -> V | None: ...
    @overload
    def setdefault(self, key: K, default: V) -> V: ...
    def setdefault(self, key: K, default: Any = None) -> Any:
        """The entry, which is made first if it is missing, in one step."""
        target = self._target(key)
        data = self._dump(default, key, target)

        def change(old: bytes | None) -> tuple[bytes, bytes]:
            self._check(old, key)
            return (data, data) if old is None else (old, old)

        return self._load(update(self._space.opened(), target, change), key)

    def pop(self, key: K, default: Any = _MISSING) -> Any:
        """Delete an entry and return its value, in one step.

        Args:
            key: the entry's key.
            default: returned if there is no such entry.

        Raises:
            KeyError: there is no such entry, and no default.
        """

        def change(old: bytes | None) -> tuple[None, bytes | None]:
            self._check(old, key)
            return None, old

        data = update(self._space.opened(), self._target(key), change)
        if data is not None:
            return self._load(data, key)
        if default is _MISSING:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[K, V]:
        """Delete an entry and return it, in one step: each is given to one caller.

        Raises:
            KeyError: the mapping is empty.
        """
        for key in self:
            value = self.pop(key, _MISSING)
            if value is not _MISSING:
                return key, value
        raise KeyError(f"{self._name!r} is empty")

    def compute(self, key: K, fn: Callable[[Any], V], default: Any = None) -> V:
        """Replace an entry by what a function makes of it, in one step.

        Args:
            key: the entry's key.
            fn: gets the value, or `default` if there is none, and returns the new one; it runs
                once, while the entry is held.
            default: see `fn`.

        Returns:
            The new value.
        """
        target = self._target(key)
        with transaction(self._space.opened()) as held:
            cell = held.cell(target)
            new = fn(default if cell.data is None else self._load(cell.data, key))
            refuse_lazy(target.key, new)
            cell.data = self._dump(new, key, target)
            return self._load(cell.data, key)

    def clear(self) -> None:
        """Delete every entry, one at a time."""
        for key in self:
            self.pop(key, None)

    def _target(self, key: Any) -> Bytes:
        return Bytes(under(self._prefix, key, self._space.codec))

    def _load(self, data: bytes, key: object) -> V:
        self._check(data, key)
        value: V = self._space.codec.unpack(data[1:])
        return value

    def _check(self, data: bytes | None, key: object) -> None:
        if data is not None and data[:1] != ENTRY:
            raise expect(ENTRY, data, f"{self._name}[{key!r}]")

    def _dump(self, value: V, key: object, target: Bytes) -> bytes:
        packed = self._space.codec.pack(value, f"{self._name}[{key!r}]")
        return limited(ENTRY + packed, target.key, self._space)


class _Items(ItemsView[K, V]):
    _mapping: Mapping[K, V]

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._mapping.pairs()


class _Values(ValuesView[V]):
    _mapping: Mapping[Any, V]

    def __iter__(self) -> Iterator[V]:
        return (value for _, value in self._mapping.pairs())
