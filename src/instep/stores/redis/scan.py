"""Scans: names from the index of each shard, merged in the order of their bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Any

from .place import Place
from .scripts import command

_LEAST = 8  # names that a shard is asked for at a time


class Names:
    """The names in a store's indexes that begin with a prefix, in order.

    Args:
        place: the server.
        prefix: what they begin with.
        after: only names behind it; None for all.
        expected: about how many will be taken.
    """

    def __init__(self, place: Place, prefix: bytes, after: bytes | None, expected: int) -> None:
        self._place = place
        self._shards = place.layout.shards(prefix)
        first = b"[" + prefix if prefix else b"-"
        if after is not None and after >= prefix:
            first = b"(" + after
        self._from = dict.fromkeys(self._shards, first)  # until all of a shard was seen
        self._to = _end(prefix)
        self._names: dict[int, deque[bytes]] = {shard: deque() for shard in self._shards}
        self._batch = max(_LEAST, 2 * expected // len(self._shards)) if expected else _LEAST
        if len(self._shards) == 1:
            self._batch = max(1, expected)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Pairs of shard and name."""
        self._fetch()
        heap = [(names[0], shard) for shard, names in self._names.items() if names]
        heapify(heap)
        while heap:
            name, shard = heappop(heap)
            yield shard, name
            names = self._names[shard]
            names.popleft()
            if not names and shard in self._from:
                self._batch *= 2
                self._fetch()
            if names:
                heappush(heap, (names[0], shard))

    def _fetch(self) -> None:
        """Ask every shard for more that has none left to give."""
        empty = [shard for shard in self._from if not self._names[shard]]
        size = b"%d" % self._batch
        questions = []
        for shard in empty:
            index = self._place.layout.prefixes[shard] + b"index"
            words = (b"ZRANGEBYLEX", index, self._from[shard], self._to, b"LIMIT", b"0", size)
            questions.append((shard, command(*words)))
        asked = self._place.each(questions)
        for shard, names in zip(empty, asked, strict=True):
            self._names[shard].extend(names)
            if len(names) < self._batch:
                del self._from[shard]
            else:
                self._from[shard] = b"(" + names[-1]


def records(place: Place, names: list[tuple[int, bytes]]) -> list[Any]:
    """The fields of the records with these names."""
    prefixes = place.layout.prefixes
    return place.each(
        [
            (shard, command(b"HMGET", prefixes[shard] + b"k:" + name, b"d", b"v", b"t", b"x"))
            for shard, name in names
        ]
    )


def _end(prefix: bytes) -> bytes:
    """Where the names end that begin with a prefix."""
    kept = prefix.rstrip(b"\xff")
    return b"(" + kept[:-1] + bytes([kept[-1] + 1]) if kept else b"+"
