"""The memcached store: for what a program can do without, on servers that may forget it any time.

How it stays right. Memcached replaces one value by comparison (`cas`), and that decides: a commit
and an update write only in the place of the very value they have loaded, on the connection that it
came by. A hold is a lease at a second key, which orders those who come and bounds their wait; the
two keys cannot be changed together, so nothing rests on the lease:

- a holder that was paused beyond its lease finds it gone, or the record changed: `LeaseLost`;
- an update looks whether the key is held; one that looked just before the lease was taken is made
  to fail by the holder, where updates are to be expected, and looks again;
- memory that is short may cost a lease: two bodies run at once then, one of them is refused;
- between a holder's last look at a lease that ran out and its write, somebody may take the lease:
  the write is still a comparison, and the newcomer is refused with a `Conflict`.

Whose connection breaks in the middle of a write learns from the ids in the value whether it was
made. Memcached wakes nobody: who waits for another process sleeps, 0.2 to 10 ms at random, and
tries again, so the order among processes is by chance.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from ...errors import Misuse
from .. import process
from ..address import Address, parse
from ..base import Change, Engine, Hold, Powers, Record, Store, T
from ..holds import TABLE_SIZE, Holds
from ..keys import readable
from .hold import MemcachedHold, several
from .names import Names
from .servers import LEASE, SHORTEST, Servers
from .update import Update
from .value import read

_POWERS = Powers(
    several=False, durable=False, machines=True, leases=True, listing=False, volatile=True
)


class MemcachedStore(Store, process.Lockless):
    """Keeps records in memcached.

    Args:
        address: the URL.
    """

    powers = _POWERS

    def __init__(self, address: Address) -> None:
        self.url = address.shown
        self._servers = Servers(address)
        self.after_fork_in_child()
        process.watch(self)

    def read(self, key: bytes) -> Record | None:
        value = read(self._servers.item(key).value)
        return value.record if value else None

    def hold(self, keys: Collection[bytes], timeout: float, *, lease: float | None = None) -> Hold:
        if len(keys) > 1:
            raise several(sorted(keys), self.url)
        return MemcachedHold(self._servers, self.holds(), keys, timeout, lease)

    def update(
        self,
        key: bytes,
        change: Change[T],
        timeout: float,
        *,
        expires: float | None = None,
        version: int | None = None,
    ) -> T:
        update = Update(self._servers, key, change, timeout, expires, version)
        holds = self.holds()
        slot = holds.slot(key)
        if not holds.take(slot, timeout):
            raise holds.timeout(key, timeout, {}, self._servers.holder(key))
        try:
            return update.run()
        finally:
            holds.free(slot)

    def scan(
        self, prefix: bytes, after: bytes | None = None, limit: int = 1000
    ) -> list[tuple[bytes, Record]]:
        raise Misuse(
            f"{self.url}: memcached cannot list its keys, so nothing can be found in it by the "
            f"beginning of its name ({readable(prefix)!r}): take another store for that"
        )

    def close(self) -> None:
        self._servers.links.close()

    def holds(self) -> Holds:
        """The queue of this process's threads."""
        if not process.here[0]:
            process.settle()
        return self._holds

    def after_fork_in_child(self) -> None:
        """Nobody but this thread exists here."""
        self._holds = Holds(bytearray(TABLE_SIZE), None)


def engine(url: str) -> Engine:
    """The memcached engine.

    Raises:
        Misuse: the URL is not `memcached://HOST:PORT,HOST:PORT` or `memcached:/PATH/OF.sock`, with
            `?lease=` in seconds and `?prefix=`.
    """
    address = parse(url)
    address.allow("lease", "prefix")
    address.number("lease", LEASE, SHORTEST)
    Names(address)
    return Engine(address.shown, _POWERS, partial(MemcachedStore, address))
