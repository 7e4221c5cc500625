"""The Redis store: all of the promises while the primary lives; a lease where others have a lock.

How it stays right. A record and its hold are one hash, and whatever changes either is one script,
which the server runs alone: a commit compares the token and the fence of every key that it holds
and the transaction id of every record that it replaces, then writes all of it and lets go, or does
nothing. Two round trips a call: one to hold and load, one to commit and release; an update is one,
and so is a read. Who waits is woken by whoever lets go. A request whose answer was lost is sent
again with its number: the server keeps the last number of each caller with what came of it, in the
same step as what it wrote, so nothing is done twice, and nothing is guessed (K. Ongaro, Consensus:
Bridging Theory and Practice, 2014, section 6.3). After a failover or a restart that lost writes, a
commit finds its hold gone, and is refused.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from functools import partial
from itertools import islice

from .. import process
from ..base import Change, Engine, Hold, Powers, Record, Store, T
from ..keys import check_key
from ..record import alive
from .address import Settings, settings
from .hold import RedisHold
from .place import Place, record_of
from .scan import Names, records
from .update import Update

_POWERS = Powers(several=True, durable=True, machines=True, leases=True)

_monotonic = time.monotonic


class RedisStore(Store):
    """Keeps records in a Redis or Valkey server, or in a cluster of them.

    Args:
        settings: what its URL says.
    """

    __slots__ = ("place", "url")

    powers = _POWERS

    def __init__(self, settings: Settings) -> None:
        self.url = settings.shown
        self.place = Place(settings)

    def read(self, key: bytes) -> Record | None:
        if not process.here[0]:
            process.settle()
        return self.place.found(key, _monotonic() + self.place.patience)[1]

    def hold(self, keys: Collection[bytes], timeout: float, *, lease: float | None = None) -> Hold:
        if not process.here[0]:
            process.settle()
        if len(keys) > 1:
            self.place.together(keys)
        return RedisHold(self.place, self.place.holds, keys, timeout, lease)

    def update(
        self,
        key: bytes,
        change: Change[T],
        timeout: float,
        *,
        expires: float | None = None,
        version: int | None = None,
    ) -> T:
        if not process.here[0]:
            process.settle()
        check_key(key)
        return Update(self.place, key, timeout, expires, version).make(change)

    def scan(
        self, prefix: bytes, after: bytes | None = None, limit: int = 1000
    ) -> list[tuple[bytes, Record]]:
        if not process.here[0]:
            process.settle()
        page: list[tuple[bytes, Record]] = []
        names = iter(Names(self.place, prefix, after, limit))
        while len(page) < limit:
            some = list(islice(names, limit - len(page)))
            if not some:
                break
            for (_, name), fields in zip(some, records(self.place, some), strict=True):
                record = alive(record_of(fields))
                if record is not None:
                    page.append((name, record))
        return page

    def close(self) -> None:
        self.place.close()


def engine(url: str) -> Engine:
    """The Redis store's engine.

    Raises:
        Misuse: the URL says what cannot be.
    """
    found = settings(url)
    return Engine(found.shown, _POWERS, partial(RedisStore, found))
