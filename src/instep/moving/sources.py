"""Where records come from: page by page, so that memory stays flat however many there are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from ..stores.base import Record, Store

Page = list[tuple[bytes, Record]]

_FIRST, _MOST = 16, 1000  # records of a page
_BYTES = 4 << 20  # that a page should have, as far as the pages before it tell
_SKEW = 2.0  # seconds by which clocks may differ about an expiry, and what a page takes


class Source(Protocol):
    """What has records to be moved."""

    shown: str
    """What it is, for people; without secrets."""

    def pages(self, prefix: bytes) -> Iterator[Page]:
        """The records whose key begins with `prefix`, each at least once."""

    def read(self, key: bytes) -> Record | None:
        """One record, or None."""


class StoreSource:
    """A store that lists its records."""

    def __init__(self, store: Store) -> None:
        self.shown = store.url
        self.read = store.read
        self._scan = store.scan

    def pages(self, prefix: bytes) -> Iterator[Page]:
        after: bytes | None = None
        limit = _FIRST
        while page := self._scan(prefix, after, limit):
            after, full = page[-1][0], len(page) == limit
            size = sum(len(record.data) for _, record in page) // len(page) + 1
            yield page
            if not full:
                return
            limit = max(1, min(_MOST, limit * 8, _BYTES // size))


def gone(record: Record) -> bool:
    """Whether a record has expired, or is about to."""
    return bool(record.expires) and record.expires <= time.time() + _SKEW


def same(one: Record, other: Record) -> bool:
    """Whether two records are equal but for the transaction that wrote them."""
    return (one.data, one.version, one.expires) == (other.data, other.version, other.expires)
