"""Changes that say what they do, so that a server can make them by itself in one round trip.

Every store may call them as it calls any other `Change`; a store that knows one by its type sends
its fields instead. Where the server meets what it was not told of (data of another kind, a number
beyond its arithmetic) it writes nothing, and the store calls the change like any other.
"""

from __future__ import annotations

from collections.abc import Callable


class Put:
    """Replace the data, unless a record of another kind is there.

    Args:
        data: the new data; its first byte says of what kind it is, and so must that of the old.
        check: is called with the old data, and raises if that is of another kind.
    """

    __slots__ = ("check", "data")

    def __init__(self, data: bytes, check: Callable[[bytes | None], object]) -> None:
        self.data = data
        self.check = check

    def __call__(self, old: bytes | None) -> tuple[bytes, None]:
        self.check(old)
        return self.data, None


class Add:
    """Add to a whole number that is written in hexadecimal digits after one byte of kind.

    Args:
        amount: how much.
        start: what the number is where there is no record.
        lead: the byte of kind.
        read: the number in the old data, or `start`; raises if it is of another kind.
        write: the new data; raises if the number is too large to keep.
    """

    __slots__ = ("amount", "lead", "read", "start", "write")

    def __init__(
        self,
        amount: int,
        start: int,
        lead: bytes,
        read: Callable[[bytes | None], int],
        write: Callable[[int], bytes],
    ) -> None:
        self.amount = amount
        self.start = start
        self.lead = lead
        self.read = read
        self.write = write

    def __call__(self, old: bytes | None) -> tuple[bytes, int]:
        number = self.read(old) + self.amount
        return self.write(number), number
