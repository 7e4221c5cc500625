"""How well a cache does: counted in each process, added up for all of them once a second.

How it stays right: a count is one step of an iterator, which threads share without a lock. One
thread at a time adds up, whoever has the token. What a process counted in its last second before it
is killed is lost; nothing but these figures rests on them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

from ...codec import Codec
from ...errors import InstepError
from ...stores import process
from ...stores.base import Store
from ..kinds import CACHE

_PERIOD = 1.0  # seconds


class Stats(NamedTuple):
    """What became of the calls on a cache, in all processes together.

    Args:
        hits: answered with a fresh value.
        stale: answered with an old value, while somebody else made it anew.
        misses: there was nothing to answer with.
        waited: of the misses, those that got what somebody else was making.
        created: values that were made.
        failed: values whose making raised an error.
        evicted: entries that made room for others.
    """

    hits: int = 0
    stale: int = 0
    misses: int = 0
    waited: int = 0
    created: int = 0
    failed: int = 0
    evicted: int = 0


class _Tally:
    """A count that any thread may make a step of."""

    __slots__ = ("_seen", "step")

    def __init__(self) -> None:
        self.step: Callable[[], int] = count().__next__
        self._seen = 0

    def taken(self) -> int:
        """How many steps there were since this was asked last; by one thread at a time."""
        now = self.step()  # which is a step itself
        since, self._seen = now - self._seen, now + 1
        return since


class Figures(process.Lockless):
    """The counts of one cache in this process.

    Args:
        codec: of the space.
        key: of the record in which all processes add up.
    """

    def __init__(self, codec: Codec, key: bytes) -> None:
        self._codec = codec
        self._key = key
        self._last = 0.0
        self._token: list[object]
        self._owed: list[int]
        self._tallies: list[_Tally]
        self.after_fork_in_child()
        process.watch(self)

    def due(self, now: float) -> bool:
        """Whether it is time to add up."""
        return abs(now - self._last) >= _PERIOD

    def add_up(self, store: Store, now: float, timeout: float = 0.0) -> None:
        """Add this process's counts to the record; if that fails, at the next time.

        Args:
            store: the store.
            now: seconds since the epoch.
            timeout: the longest wait for others who add up, in seconds.
        """
        self._last = now
        try:
            token = self._token.pop()
        except IndexError:  # another thread is at it
            return
        try:
            fresh = [tally.taken() for tally in self._tallies]
            for number, counted in enumerate(fresh):
                self._owed[number] += counted
            if any(self._owed):
                with suppress(InstepError):
                    store.update(self._key, self._plus, timeout, expires=0.0)
                    self._owed = [0] * len(Stats._fields)
        finally:
            self._token.append(token)

    def read(self, store: Store) -> Stats:
        """What all processes have added up."""
        record = store.read(self._key)
        return Stats(*self._numbers(record.data if record else None))

    def after_fork_in_child(self) -> None:
        """What was counted is the parent's to add."""
        self._token = [object()]
        self._owed = [0] * len(Stats._fields)
        self._tallies = [_Tally() for _ in Stats._fields]
        steps = (tally.step for tally in self._tallies)
        self.hit, self.stale, self.miss, self.waited, self.created, self.failed, self.evicted = (
            steps
        )

    def _plus(self, old: bytes | None) -> tuple[bytes, None]:
        sums = map(sum, zip(self._numbers(old), self._owed, strict=True))
        return CACHE + self._codec.pack(list(sums), "figures"), None

    def _numbers(self, data: bytes | None) -> list[int]:
        if data is None:
            return [0] * len(Stats._fields)
        numbers: Any = self._codec.unpack(data[1:])
        return [int(number) for number in numbers]
