"""A hold of one key in memcached: a lease for order, a comparison for truth."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from ...errors import Holder, LeaseLost, Misuse, StoreError
from ..keys import readable
from ..local import unheld
from ..record import next_txid
from ..served import ServedHold
from .lease import Lease
from .link import PATIENCE, Item, Link, Lost, TooLarge, silent
from .servers import Servers
from .value import Value, after, outcome, read

UNSEEN = Value((0,), None)
"""What is loaded by a hold that has loaded nothing."""


class MemcachedHold(ServedHold[Servers]):
    """A held key."""

    __slots__ = ("_before", "_item", "_lease", "_link")

    def _prepare(self) -> None:
        self._lease: Lease | None = None
        self._link: Link | None = None
        self._item: Item | None = None  # what was loaded, by which it is replaced
        self._before: Value | None = UNSEEN  # the same, in parts

    def extend(self, keys: Iterable[bytes], timeout: float) -> None:
        keys = set(keys) - set(self._held.values())
        if len(keys) + len(self._held) > 1:
            raise several(sorted(keys | set(self._held.values())), self._place.url)
        super().extend(keys, timeout)

    def load(self, key: bytes, *, updated: bool = False) -> bytes | None:
        self._look(key)
        if updated:
            self._shake_off(key)
        record = self._before.record if self._before else None
        return record.data if record else None

    def renew(self) -> bool:
        """Begin the lease's seconds anew; for the keeper, in its thread."""
        lease = self._lease
        if lease is None:
            return False
        with suppress(Lost, StoreError):
            return lease.renew()
        return True  # not told: the keeper tries again

    def _take(self, keys: Sequence[bytes], deadline: float) -> bytes | None:
        [key] = keys
        lease = self._place.lease(key, self._lasting)
        if not lease.take(deadline):
            return key
        self._lease = lease
        self._place.keepers.of(self._lasting).watch(self)
        return None

    def _abandon(self) -> None:
        self._end()

    def _end(self) -> bool:
        """Give the lease back; whether it was still ours."""
        lease, self._lease = self._lease, None
        if lease is None:
            return False
        self._place.keepers.of(self._lasting).drop(self)
        [key] = self._held.values()
        link, self._link = self._mine(key), None
        return lease.give_back(link)

    def _holder(self, key: bytes) -> Holder | None:
        with suppress(StoreError):
            return self._place.holder(key)
        return None

    def _send(self, changes: Mapping[bytes, bytes | None]) -> None:
        [key] = self._held.values()
        if self._lease is None:
            raise Misuse(f"the hold of {readable(key)} has ended")
        if time.monotonic() > self._lease.sure_until:
            self._check(key)
        for written, data in changes.items():
            if written != key or self._before is UNSEEN:
                raise Misuse(f"{readable(written)} was not loaded through this hold")
            new = after(self._before, key, data)
            try:
                self._replace(key, self._before, new)
            except TooLarge:
                raise too_large(key, len(new.written())) from None
        if not self._end() and not changes:
            raise lost(key)

    def _replace(self, key: bytes, before: Value | None, new: Value) -> None:
        """Put the new value in the place of what was loaded, once; find out whether it was done.

        A try that did not go well is made again only where it can do no harm: on what was loaded,
        which nobody has written since, or where the server has forgotten that.
        """
        name, deadline = self._place.names.of(key)[1], time.monotonic() + PATIENCE
        while True:
            with suppress(Lost):
                if self._item is not None and self._item.replace(name, new.written(), new.expire()):
                    return
            now, mine = self._look_while_unsure(key, deadline)
            if outcome(now, before, new):
                return
            if now is None and before is not None and mine:  # forgotten: this begins it anew
                continue
            if txid(now) != txid(before):
                if outcome(now, before, new) is None:
                    raise unknown(key, self._place.url)
                raise unheld(key) if mine else lost(key)

    def _look_while_unsure(self, key: bytes, deadline: float) -> tuple[Value | None, bool]:
        """What is there now, and whether the lease is ours."""
        try:
            mine = self._glance(key, deadline)
        except StoreError as error:
            raise StoreError(
                f"{readable(key)}: the connection broke in the middle of a write, and whether it "
                f"was made cannot be found out now: {error}"
            ) from error
        return read(self._item.value if self._item else None), mine

    def _check(self, key: bytes) -> None:
        """Refuse to write when the lease has run out; the comparison would refuse most of it."""
        item, before = self._item, self._before
        if not self._glance(key, time.monotonic() + PATIENCE):
            raise lost(key)
        if self._item is None or item is None or txid(read(self._item.value)) != txid(before):
            self._item = item  # by which it will be refused

    def _look(self, key: bytes) -> None:
        """Load the record, and make sure that the lease is ours."""
        if not self._glance(key, time.monotonic() + PATIENCE):
            raise lost(key)
        self._before = read(self._item.value) if self._item else None

    def _glance(self, key: bytes, deadline: float) -> bool:
        """Look at the record, which can then be replaced, and at the lease: whether it is ours."""
        server, name, lease = self._place.names.of(key)
        while True:
            link = self._mine(key)
            try:
                self._item, owned = link.look(name, lease)
            except Lost as error:
                self._place.links.close()  # the others that are idle are as dead
                if time.monotonic() >= deadline:
                    raise silent(server, error) from None
            else:
                return self._lease is not None and self._lease.is_mine(owned)

    def _mine(self, key: bytes) -> Link:
        """The connection that this hold has to itself; numbers for `cas` are good on it only."""
        if self._link is None or self._link.dead:
            self._link = self._place.links.take(self._place.names.of(key)[0])
        return self._link

    def _shake_off(self, key: bytes) -> None:
        """Make updates that are under way fail: they have not seen the lease, and will see it then.

        What is there is written again as it is, which gives it another number.
        """
        name = self._place.names.of(key)[1]
        while True:
            value = self._before or Value((next_txid(),), None)
            done: bool | None = False
            with suppress(Lost):
                if self._item is not None:
                    done = self._item.replace(name, value.written(), value.expire())
            self._look(key)
            if done:
                return


def txid(value: Value | None) -> int:
    """The transaction that wrote a value; 0 for none."""
    return value.txids[-1] if value else 0


def several(keys: Sequence[bytes], url: str) -> Misuse:
    """The error for a transaction of more than one record."""
    return Misuse(
        f"{', '.join(readable(key) for key in keys)}: one transaction on {url} has one record, "
        "because memcached cannot write two at once: put them into one object, or take another "
        "store"
    )


def lost(key: bytes) -> LeaseLost:
    """The error for a hold that ended before its commit."""
    return LeaseLost(
        f"the hold of {readable(key)} ran out before its commit, because this process was paused "
        "or memcached was short of memory; somebody else may have it; nothing was written: call "
        "again"
    )


def unknown(key: bytes, url: str) -> StoreError:
    """The error for a write of which nobody can tell any more whether it was made."""
    return StoreError(
        f"{readable(key)}: the connection to {url} broke in the middle of a write, and so many "
        "others have written since that it cannot be told whether it was made: read what is there"
    )


def too_large(key: bytes, size: int) -> StoreError:
    """The error for a value over the server's limit."""
    return StoreError(
        f"{readable(key)}: memcached refuses its {size:,} bytes; nothing was written. Its limit is "
        "1 MB unless it was started with a larger one (memcached -I 8m); or keep less in one record"
    )
