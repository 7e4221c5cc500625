"""What a manager keeps: records in memory, in order, and forgotten when they expire.

One thread has them to itself, so nothing here is locked. The order is made when it is asked for,
and kept up by sorting what is new into it, which is cheap on what is nearly sorted.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Container
from heapq import heapify, heappop, heappush

from ..base import Record
from ..record import alive, next_txid

_FORGOTTEN_AT_ONCE = 100  # expired records; more would make somebody wait
_HELD = 1.0  # seconds after which a held key is looked at again


class Records:
    """Records by key."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, Record] = {}
        self._order: list[bytes] = []
        self._listed: set[bytes] = set()
        self._new: list[bytes] = []
        self._expiring: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self._by_key)

    def live(self, key: bytes) -> Record | None:
        """The record, or None when it has expired."""
        return alive(self._by_key.get(key))

    def unchanged(self, key: bytes, seen: int) -> bool:
        """Whether nobody has written since `seen`, a transaction id (0: there was no record).

        That the record has expired meanwhile is no change.
        """
        record = self._by_key.get(key)
        live = alive(record)
        return seen in (record.txid if record else 0, live.txid if live else 0)

    def put(
        self, key: bytes, data: bytes | None, expires: float | None = None, version: int = 0
    ) -> None:
        """Write what follows the record that is there.

        Args:
            key: the key.
            data: the new data, or None to delete.
            expires: the new expiry; None leaves it as it is (an expired record had none).
            version: the new version; 0 for the next one.
        """
        if data is None:
            self._by_key.pop(key, None)
            return
        before = self._by_key.get(key)
        if expires is None:
            expires = before.expires if before and alive(before) else 0.0
        if not version:
            version = before.version + 1 if before else 1
        self._by_key[key] = Record(version, next_txid(), expires, data)
        if key not in self._listed:
            self._listed.add(key)
            self._new.append(key)
        if expires and (before is None or before.expires != expires):
            heappush(self._expiring, (expires, key))
            if len(self._expiring) > 2 * len(self._by_key) + 1000:  # most of it was put off
                self._expiring = [(r.expires, k) for k, r in self._by_key.items() if r.expires]
                heapify(self._expiring)

    def page(
        self, prefix: bytes, after: bytes | None, limit: int, size: int
    ) -> tuple[list[tuple[bytes, Record]], bool]:
        """Records with a prefix, and whether there may be more of them.

        Args:
            prefix: may be empty.
            after: only keys behind this one.
            limit: at most so many.
            size: about so many bytes at most, but one record at least.
        """
        order = self._sorted()
        at = bisect_left(order, prefix)
        if after is not None:
            at = max(at, bisect_right(order, after))
        page: list[tuple[bytes, Record]] = []
        while at < len(order) and order[at].startswith(prefix):
            record = self.live(order[at])
            if record is not None:
                if len(page) == limit or size <= 0:
                    return page, True
                page.append((order[at], record))
                size -= len(order[at]) + len(record.data)
            at += 1
        return page, False

    def forget_expired(self, held: Container[bytes]) -> float:
        """Forget some of what has expired; in how many seconds to come back.

        Args:
            held: keys whose records stay a while longer: their holders compare them.
        """
        now = time.time()
        for _ in range(_FORGOTTEN_AT_ONCE):
            if not self._expiring:
                return 1.0
            expires, key = self._expiring[0]
            if expires > now:
                return min(expires - now, 1.0)
            heappop(self._expiring)
            if key in held:
                heappush(self._expiring, (now + _HELD, key))
            elif key in self._by_key and self.live(key) is None:
                del self._by_key[key]
        return 0.0

    def _sorted(self) -> list[bytes]:
        if len(self._listed) > 2 * len(self._by_key) + 1000:  # most of it was deleted
            self._order, self._new = sorted(self._by_key), []
            self._listed = set(self._order)
        elif self._new:
            self._order += self._new
            self._order.sort()
            self._new = []
        return self._order
