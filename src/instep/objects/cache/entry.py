"""What a cache keeps under a key: a value, until when it is fresh, and which flight may replace it.

The data are a byte of kind and a packed list: flight, made, fresh, cost, tags, and the value if
there is one. Flight and made always take nine bytes, at the same place, so that they can be read
and replaced without unpacking a value.

How it stays right: before a flight begins there is an entry, if need be one without a value, and
its number is the mark of the flight, whose result is stored only if the mark is still there.
Whoever sets or deletes meanwhile takes it away. Two flights at once (the first one was taken for
dead) have the same mark: whichever ends first stores its value, and takes the mark away.
"""

from __future__ import annotations

import os
import random
import time
from math import log
from struct import Struct
from typing import Any, NamedTuple

from ...codec import Codec
from ...errors import Misuse, StoreError
from ..kinds import CACHE

MARKED = 3600.0  # seconds for which a mark is kept; of a longer flight nothing is stored

_HIGH = 1 << 63  # a number from here on takes nine bytes, in msgpack
_LENGTH = slice(1, 2)
_FLIGHT = slice(3, 11)  # after the kind, the list's length and the number's own code
_MADE = Struct(">d")
_MADE_AT = 12
_LEAST = 20  # bytes of an entry
_FULL = 6  # parts of an entry with a value
_FULL_LIST = bytes((0x90 | _FULL,))  # how msgpack begins them
_new = tuple.__new__  # what the class of a named tuple calls, without its arguments


class Entry(NamedTuple):
    """A value in a cache.

    Args:
        flight: the number of the flights that may replace it.
        made: when it was made, in seconds since the epoch.
        fresh: until when it is fresh, in the same; infinite for always.
        cost: how long it took to make, in seconds.
        tags: of each of its tags the data of the tag's record when it began to be made.
        value: the value.
    """

    flight: int
    made: float
    fresh: float
    cost: float
    tags: dict[str, bytes]
    value: Any

    def due(self, now: float, early: float) -> bool:
        """Whether this caller should make it anew before its time, by the dice (XFetch).

        A. Vattani, F. Chierichetti, K. Lowenstein: Optimal Probabilistic Cache Stampede Prevention,
        PVLDB 8(8), 2015: the chance grows as the end comes near, and with what making it costs.

        Args:
            now: seconds since the epoch.
            early: the paper's beta; 1.0 is its optimum.
        """
        return now - self.cost * early * log(1.0 - random.random()) >= self.fresh


def new_flight() -> int:
    """A number that no other flight has."""
    return int.from_bytes(os.urandom(8), "big") | _HIGH


def read(codec: Codec, data: bytes) -> Entry | None:
    """The entry in a record's data; None for a mark without a value.

    Raises:
        StoreError: it cannot be read by this program.
    """
    parts = codec.unpack(data[1:])
    if type(parts) is not list:
        raise StoreError("the record is damaged")
    return _new(Entry, parts) if len(parts) == _FULL else None


def pack(codec: Codec, entry: Entry, where: str) -> bytes:
    """The data of an entry.

    Raises:
        Misuse: its value cannot be stored.
    """
    *parts, value = entry
    try:
        return CACHE + codec.pack([*parts, value], where)
    except Misuse:
        codec.pack(value, where)  # says where it is in the value, not in this list
        raise


def marked(codec: Codec, old: bytes | None) -> tuple[bytes, int]:
    """What was there, or a mark without a value; and the number of flights that begin now."""
    if old is not None and len(old) >= _LEAST:
        return old, int.from_bytes(old[_FLIGHT], "big")
    flight = new_flight()
    return CACHE + codec.pack([flight, time.time(), 0.0, 0.0, {}], "a mark"), flight


def is_marked(data: bytes | None, flight: int) -> bool:
    """Whether the mark of a flight is still there."""
    return data is not None and data[_FLIGHT] == flight.to_bytes(8, "big")


def made(data: bytes) -> float | None:
    """When a value was made, without unpacking it; None for a mark without a value."""
    if data[_LENGTH] != _FULL_LIST:
        return None
    return float(_MADE.unpack_from(data, _MADE_AT)[0])
