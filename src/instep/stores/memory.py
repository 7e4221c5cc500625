"""The memory store: one process, all of the promises but durability.

How it stays right. One mutex guards the dictionary for the length of a look-up or a commit; holds
are in-process locks. A forked child goes on with a copy of its own, as it does with any memory.
The dictionary is a ring, too: a write with an expiry looks at the four records that nobody has
looked at for longest, and forgets those that have expired (why four: `forgetting`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Collection, Mapping

from ..errors import Misuse
from . import process
from .base import Change, Engine, Hold, Powers, Record, Store, T
from .holds import TABLE_SIZE, Holds
from .local import LocalHold, unheld
from .record import alive, shorten

_LOOKS = 4  # records, for each write with an expiry


class MemoryStore(Store):
    """Keeps records in a dictionary.

    Args:
        url: `memory:`; every store is its own.
    """

    powers = Powers(several=True, durable=False, machines=False, leases=False)

    def __init__(self, url: str = "memory:") -> None:
        self.url = url
        self._records: OrderedDict[bytes, Record] = OrderedDict()  # by when they were looked at
        self._order: list[bytes] | None = []
        self.after_fork_in_child()
        process.watch(self)

    def read(self, key: bytes) -> Record | None:
        return alive(self._records.get(key))

    def hold(self, keys: Collection[bytes], timeout: float, *, lease: float | None = None) -> Hold:
        return MemoryHold(self, self._holds, keys, timeout)

    def update(
        self,
        key: bytes,
        change: Change[T],
        timeout: float,
        *,
        expires: float | None = None,
        version: int | None = None,
    ) -> T:
        shorten(key)  # refuses a name that no store would take
        slot = self._holds.slot(key)
        with self._mutex:
            if not self._holds.busy(slot):
                return self._apply(key, change, expires, version)
        with MemoryHold(self, self._holds, (key,), timeout), self._mutex:
            return self._apply(key, change, expires, version)

    def scan(
        self, prefix: bytes, after: bytes | None = None, limit: int = 1000
    ) -> list[tuple[bytes, Record]]:
        page: list[tuple[bytes, Record]] = []
        with self._mutex:
            if self._order is None:
                self._order = sorted(self._records)
            order = self._order
            at = bisect_left(order, prefix)
            if after is not None:
                at = max(at, bisect_right(order, after))
            while at < len(order) and len(page) < limit and order[at].startswith(prefix):
                record = alive(self._records.get(order[at]))
                if record is not None:
                    page.append((order[at], record))
                at += 1
        return page

    def close(self) -> None:
        """The records stay for as long as the store is referred to."""

    def before_fork(self) -> None:
        self._mutex.acquire()

    def after_fork_in_parent(self) -> None:
        self._mutex.release()

    def after_fork_in_child(self) -> None:
        """Nobody but this thread exists here: forget what the others held."""
        self._mutex: process.ReentrantLock = process.native("_thread", "RLock")()
        self._inside = False
        self._holds = Holds(bytearray(TABLE_SIZE), None)

    def _apply(
        self, key: bytes, change: Change[T], expires: float | None, version: int | None
    ) -> T:
        if self._inside:
            raise process.reentered(self.url)
        self._inside = True
        try:
            return self._change(key, change, expires, version)
        finally:
            self._inside = False

    def _change(
        self, key: bytes, change: Change[T], expires: float | None, version: int | None
    ) -> T:
        record = self._records.get(key)
        live = alive(record)
        old = live.data if live else None
        new, result = change(old)
        if new is not old or expires is not None:
            keep = live.expires if live and expires is None else expires or 0.0
            self._put(key, new, version or (record.version + 1 if record else 1), keep)
            if expires:
                self._forget()
        return result

    def _put(self, key: bytes, data: bytes | None, version: int, expires: float) -> None:
        if (key in self._records) is (data is None):
            self._order = None
        if data is None:
            self._records.pop(key, None)
        else:
            self._records[key] = Record(version, 0, expires, data)

    def _forget(self) -> None:
        """Look at the next records; those that have expired go, whether or not they are held."""
        for _ in range(min(_LOOKS, len(self._records))):
            key = next(iter(self._records))
            if alive(self._records[key]):
                self._records.move_to_end(key)
            else:
                del self._records[key]


class MemoryHold(LocalHold[MemoryStore]):
    """Held keys of a memory store."""

    __slots__ = ()

    def load(self, key: bytes, *, updated: bool = False) -> bytes | None:
        shorten(key)
        with self._place._mutex:
            record = self._seen[key] = self._place._records.get(key)
        live = alive(record)
        return live.data if live else None

    def _write(self, changes: Mapping[bytes, bytes | None]) -> None:
        if not changes:
            return
        store = self._place
        with store._mutex:
            if store._inside:
                raise process.reentered(store.url)
            for key in changes:
                found, seen = store._records.get(key), self._seen[key]
                # That an expired one was forgotten is no change.
                if found is not seen and (found or alive(seen)):
                    raise unheld(key)
            for key, data in changes.items():
                record = self._seen[key]
                live = alive(record)
                version = record.version + 1 if record else 1
                store._put(key, data, version, live.expires if live else 0.0)


def engine(url: str) -> Engine:
    """The memory store's engine.

    Raises:
        Misuse: the URL is not `memory:`.
    """
    if url != "memory:":
        raise Misuse("the memory store has neither a path nor options: its URL is memory:")
    return Engine(url, MemoryStore.powers, MemoryStore)
