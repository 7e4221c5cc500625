"""The bound on how many entries a cache has: the oldest make room.

How it stays right: every entry that is stored takes a number of a counter that all processes share,
and whoever gets a multiple of a tenth of the bound sweeps: it goes over all of the entries and
deletes the oldest until a tenth of the bound is free. So between two sweeps no more can come than
fit. What is stored while a sweep is under way may exceed the bound by as much, until the next.
Marks without a value are no entries: a flight among many others would never be stored.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import Any

from ...stores.base import Store
from ...stores.change import Add
from ...stores.keys import NUMBER, TEXT
from ...stores.listing import everything
from ..kinds import COUNTER, number
from .entry import made

_PARTS = 10  # of the bound: how much room a sweep makes


class Bound:
    """The bound of one cache.

    Args:
        most: how many entries it may have.
        prefix: what all of its keys begin with.
    """

    def __init__(self, most: int, prefix: bytes) -> None:
        self._most = most
        self._room = max(1, most // _PARTS)
        self._entries = prefix + TEXT
        self._counter = prefix + NUMBER
        self._one = Add(1, 0, COUNTER, self._read, lambda stored: b"c%x" % stored)

    def stored(self, store: Store, timeout: float) -> int:
        """One more was stored; how many had to go."""
        if store.update(self._counter, self._one, timeout) % self._room:
            return 0
        return self._sweep(store, timeout)

    def _sweep(self, store: Store, timeout: float) -> int:
        found = ((made(record.data), key) for key, record in everything(store, self._entries))
        ages = [(age, key) for age, key in found if age is not None]
        gone = nsmallest(max(0, len(ages) - self._most + self._room - 1), ages)
        for _, key in gone:
            store.update(key, _delete, timeout)
        return len(gone)

    def _read(self, data: bytes | None) -> int:
        return 0 if data is None else number(COUNTER, data, "entries stored")


def _delete(old: bytes | None) -> tuple[None, Any]:
    return None, old
