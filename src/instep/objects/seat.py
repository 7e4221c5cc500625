"""Seats: what makes one worker of all the leader, for one term.

How it stays right. A term has a number, the fence, one more than that of the term before; the
record is replaced by comparison, so no two terms have the same.

Where the kernel or a connection frees what a dead process held, the leader holds a key, and the
others try for it. Elsewhere only silence tells, and there the leader writes its record anew all the
time. Who has seen it unchanged for the length of the lease, by a clock of its own, takes the seat.
The leader counts the lease from before it wrote, the others from after they read: so it no longer
leads when another one begins, whatever time their clocks show; they must only go equally fast, to a
tenth. (A hold would do on Redis. In PostgreSQL it is an open transaction, and one that lasts for
days keeps the whole database from being vacuumed.)
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from ..codec import Codec
from ..errors import InstepError, LockTimeout, StoreError
from ..stores.base import Hold
from ..stores.keys import LOCK as HELD
from ..stores.keys import UNDER
from ..transaction import Opened
from .kinds import LEADER, expect

_PACE = 1.1  # how much faster one clock may go than another


class Kept(NamedTuple):
    """What the record says of the newest term.

    Args:
        fence: its number.
        token: what nobody else writes.
        host: of the leader.
        pid: of the leader, on that host.
        since: when it began.
        lease: seconds of silence after which it is over, or None where silence means nothing.
        beat: how often the leader has written.
        led: False when it was given up.
    """

    fence: int
    token: str
    host: str
    pid: int
    since: datetime
    lease: float | None
    beat: int
    led: bool


class Seat(Protocol):
    """The leader's right to lead.

    Args:
        fence: the number of its term.
        until: of `time.monotonic`; before that nobody else leads.
    """

    fence: int
    until: float

    def keep(self) -> bool:
        """Make sure of it, and begin its time anew; False if it is somebody else's."""

    def leave(self) -> None:
        """Give it up, so that the next one need not wait; does not raise."""


class Candidate:
    """Tries to take the seat of a name.

    Args:
        opened: the store.
        codec: of the space.
        name: of the leader.
        key: of its record.
        lease: seconds of silence after which a term is over.
    """

    def __init__(self, opened: Opened, codec: Codec, name: str, key: bytes, lease: float) -> None:
        self.store = opened.store
        self.key = key
        self.lease = lease
        self.patience = min(opened.timeout, lease / 4)
        self._codec = codec
        self._name = name
        self._seen: bytes | None = None
        self._since = 0.0

    def take(self) -> Seat | None:
        """The seat, if it is free.

        Raises:
            StoreError: the store cannot tell.
            Misuse: the record is of another kind.
        """
        powers = self.store.powers
        # To a server on another machine a connection is lost before its client can know.
        return self._claim() if powers.leases or powers.machines else self._hold()

    def kept(self, data: bytes | None) -> Kept | None:
        """What a record says."""
        if data is None:
            return None
        if data[:1] != LEADER:
            raise expect(LEADER, data, self._name)
        try:
            found = self._codec.unpack(data[1:])
            return Kept(*(found[field] for field in Kept._fields))
        except (StoreError, KeyError, TypeError) as error:
            raise StoreError(
                f"the record of the leader {self._name!r} is damaged ({error!r}): use another name"
            ) from None

    def written(self, kept: Kept) -> bytes:
        """A record that says it."""
        return LEADER + self._codec.pack(kept._asdict(), self._name)

    def elected(self, old: bytes | None, lease: float | None) -> Kept:
        """The term that follows."""
        before = self.kept(old)
        fence = before.fence + 1 if before else 1
        host, token = socket.gethostname(), os.urandom(8).hex()
        return Kept(fence, token, host, os.getpid(), datetime.now(UTC), lease, 0, True)

    def _hold(self) -> Seat | None:
        try:
            hold = self.store.hold((self.key + UNDER + HELD,), 0)
        except LockTimeout:
            return None

        def begin(old: bytes | None) -> tuple[bytes, Kept]:
            new = self.elected(old, None)
            return self.written(new), new

        began = time.monotonic()
        try:
            kept = self.store.update(self.key, begin, self.patience)
        except BaseException:
            hold.release()
            raise
        return _HeldSeat(self, hold, kept, began)

    def _claim(self) -> Seat | None:
        record = self.store.read(self.key)
        seen = record.data if record else None
        kept, now = self.kept(seen), time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        if kept and kept.led and now - self._since <= (kept.lease or self.lease) * _PACE:
            return None

        def begin(old: bytes | None) -> tuple[bytes | None, Kept | None]:
            if old != seen:
                return old, None
            new = self.elected(old, self.lease)
            return self.written(new), new

        won = self.store.update(self.key, begin, self.patience)
        return None if won is None else _KeptSeat(self, won, now)


class _Taken:
    """What both kinds of seat have."""

    def __init__(self, candidate: Candidate, kept: Kept, began: float) -> None:
        self._candidate = candidate
        self._token = kept.token
        self.fence = kept.fence
        self.until = began + candidate.lease

    def _mine(self, data: bytes | None) -> Kept | None:
        kept = self._candidate.kept(data)
        return kept if kept is not None and kept.token == self._token else None


class _HeldSeat(_Taken):
    """A key that is held; the record says since when, and whether it still is."""

    def __init__(self, candidate: Candidate, hold: Hold, kept: Kept, began: float) -> None:
        super().__init__(candidate, kept, began)
        self._hold = hold

    def keep(self) -> bool:
        began = time.monotonic()
        record = self._candidate.store.read(self._candidate.key)
        mine = self._mine(record.data if record else None) is not None
        self.until = began + self._candidate.lease if mine else 0.0
        return mine

    def leave(self) -> None:
        with suppress(InstepError):
            self._hold.release()


class _KeptSeat(_Taken):
    """A record that is written anew all the time."""

    def keep(self) -> bool:
        began = time.monotonic()
        mine = self._write(led=True)
        self.until = began + self._candidate.lease if mine else 0.0
        return mine

    def leave(self) -> None:
        with suppress(InstepError):
            self._write(led=False)

    def _write(self, *, led: bool) -> bool:
        candidate = self._candidate

        def write(old: bytes | None) -> tuple[bytes | None, bool]:
            mine: Any = self._mine(old)
            if mine is None:
                return old, False
            return candidate.written(mine._replace(beat=mine.beat + 1, led=led)), True

        return candidate.store.update(candidate.key, write, candidate.patience)
