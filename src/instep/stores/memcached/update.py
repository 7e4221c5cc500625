"""An update in memcached: read, change, compare; it keeps out of the way of whoever holds the key.

How it stays right. The record is looked at before the lease, in one request, and written only if
the lease was free: whoever takes it after that look and wants updates kept out gives the record
another number first, so the comparison fails, and the next look finds the lease taken.
"""

from __future__ import annotations

import time
from typing import Generic

from ...errors import LockTimeout, StoreError
from ..base import Change, T
from ..holds import too_late
from ..keys import readable
from .hold import too_large, unknown
from .lease import Lease, nap, owner
from .link import PATIENCE, Item, Lost, TooLarge, silent
from .servers import Servers
from .value import Value, after, outcome, read

_RACES = 16  # that may be lost before the key is held
_FIRST_SLEEP = 0.2e-3  # seconds


class Update(Generic[T]):
    """One update of one key.

    Args:
        servers: where it is.
        key: the key.
        change: as for `Store.update`.
        timeout: likewise.
        expires: likewise.
        version: likewise.
    """

    def __init__(
        self,
        servers: Servers,
        key: bytes,
        change: Change[T],
        timeout: float,
        expires: float | None,
        version: int | None,
    ) -> None:
        self._servers = servers
        self._key = key
        self._change = change
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._expires = expires
        self._version = version
        self._lease: Lease | None = None
        self._lost: list[tuple[Value | None, Value, T]] = []  # tries whose outcome was not told
        self._server, self._name, self._lease_name = servers.names.of(key)

    def run(self) -> T:
        """Make it.

        Raises:
            LockTimeout: somebody else held the key.
            StoreError: the server is not there, or was lost in the middle.
        """
        try:
            return self._run()
        finally:
            if self._lease is not None:
                self._lease.give_back(self._servers.links.take(self._server))

    def _run(self) -> T:
        pause, races, silent_until = _FIRST_SLEEP, 0, 0.0
        while True:
            try:
                return self._try()
            except _Held as held:
                silent_until = 0.0
                if time.monotonic() >= self._deadline:
                    raise self._late(held) from None
                pause = nap(pause, self._deadline)
            except _Beaten:
                races, silent_until = races + 1, 0.0
                if races == _RACES:
                    self._hold()
            except Lost as error:
                self._servers.links.close()  # the others that are idle are as dead
                silent_until = silent_until or time.monotonic() + PATIENCE
                if time.monotonic() > silent_until:
                    raise self._unsure(silent(self._server, error)) from None
            except StoreError as error:
                raise self._unsure(error) from error

    def _try(self) -> T:
        """Look, and write if nobody holds the key."""
        link = self._servers.links.take(self._server)
        try:
            item, leased = link.look(self._name, self._lease_name)
            before = read(item.value)
            for base, mine, result in self._lost:
                made = outcome(before, base, mine)
                if made:
                    return result
                if made is None and before is not None:
                    raise unknown(self._key, self._servers.url)
            if leased.value is not None and not (self._lease and self._lease.is_mine(leased)):
                raise _Held(leased.value)
            record = before.record if before else None
            old = record.data if record else None
            new, result = self._change(old)
            if new is not old or self._expires is not None:
                self._write(item, before, new, result)
            return result
        finally:
            self._servers.links.give_back(link)

    def _write(self, item: Item, before: Value | None, new: bytes | None, result: T) -> None:
        value = after(before, self._key, new, self._expires, self._version)
        try:
            done = item.replace(self._name, value.written(), value.expire())
        except TooLarge:
            raise too_large(self._key, len(value.written())) from None
        except Lost:
            self._lost.append((before, value, result))
            raise
        if not done:
            raise _Beaten

    def _hold(self) -> None:
        """Have the others wait, after so many lost races."""
        self._lease = self._servers.lease(self._key)
        if not self._lease.take(self._deadline):
            self._lease = None
            raise self._late(_Held(None))

    def _late(self, held: _Held) -> LockTimeout:
        holder = owner(held.value) or self._servers.holder(self._key)
        return too_late(self._key, self._timeout, holder, None)

    def _unsure(self, error: StoreError) -> StoreError:
        """The error, and what it means for a write that broke off."""
        if not self._lost:
            return error
        return StoreError(
            f"{readable(self._key)}: the connection broke in the middle of a write, and whether it "
            f"was made cannot be found out now: {error}"
        )


class _Held(Exception):
    """Somebody holds the key."""

    def __init__(self, value: bytes | None) -> None:
        super().__init__()
        self.value = value


class _Beaten(Exception):
    """Somebody else wrote first."""
