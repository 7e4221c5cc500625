"""Counters: whole numbers that are handed out once each."""

from __future__ import annotations

from ..cells import Bytes
from ..errors import Misuse
from ..stores.change import Add, Put
from ..transaction import peek, update
from .kinds import COUNTER, number
from .names import Named, Owner
from .size import LEAST, limited


class Counter(Named):
    """A whole number of any size that every worker counts on; made by `Space.counter`.

    Each increment is one atomic step that returns the number it made, so no two callers get the
    same.

    Example:
        >>> from instep import Space
        >>> tickets = Space("memory:").counter("tickets", start=100)
        >>> tickets.increment(), tickets.increment(), tickets.decrement(2), tickets.value
        (101, 102, 100, 100)
    """

    def __init__(self, space: Owner, name: str, key: bytes, start: int) -> None:
        self._space = space
        self._name = name
        self._target = Bytes(key)
        self._start = _whole(start, "start")
        self._one = self._plus(1)

    def __repr__(self) -> str:
        return f"<counter {self._name!r}>"

    def increment(self, n: int = 1) -> int:
        """Add to the number.

        Args:
            n: how much; may be negative.

        Returns:
            The number after it.

        Raises:
            LockTimeout: a transaction held the counter for too long.
            Misuse: `n` is not a whole number.
        """
        if type(n) is not int:
            n = _whole(n, "n")
        add = self._one if n == 1 else self._plus(n)
        return update(self._space.opened(), self._target, add)

    def decrement(self, n: int = 1) -> int:
        """Subtract from the number; otherwise like `increment`."""
        return self.increment(-_whole(n, "n"))

    @property
    def value(self) -> int:
        """The number as it was last committed."""
        return self._read(peek(self._space.opened(), self._target))

    def reset(self, to: int | None = None) -> None:
        """Set the number.

        Args:
            to: what to; the declared start if it is not given.
        """
        data = self._write(self._start if to is None else _whole(to, "to"))
        update(self._space.opened(), self._target, Put(data, self._read))

    def _plus(self, amount: int) -> Add:
        return Add(amount, self._start, COUNTER, self._read, self._write)

    def _write(self, number: int) -> bytes:
        data = b"c%x" % number
        return data if len(data) < LEAST else limited(data, self._target.key, self._space)

    def _read(self, data: bytes | None) -> int:
        return self._start if data is None else number(COUNTER, data, self._name)


def _whole(value: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Misuse(f"{what} is {value!r}: a counter counts in whole numbers")
    return int(value)
