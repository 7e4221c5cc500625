"""What is stored in memcached: a record, and which transactions wrote it and those before it.

The ids tell somebody whose connection broke in the middle of a write whether it was made, also when
others have written since. A deletion leaves a value too, for a minute: what follows a record is
then always written by comparison.
"""

from __future__ import annotations

import time
from math import ceil
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from ...errors import StoreError
from ..base import Record
from ..record import alive, decode, next_txid, successor

_FORMAT = 1
_HEAD = Struct("<BBB")  # format, whether there is a record, how many ids
_KEPT = 8  # ids of those before
_DELETED = 60  # seconds for which a deletion is known
_MONTH = 30 * 86400  # seconds: what is more, memcached takes as a date
_LAST = (1 << 31) - 1  # the last date that it takes


class Value(NamedTuple):
    """What is at a key.

    Args:
        txids: of the transactions that wrote it, the newest last.
        raw: the record as `record` writes it, or None after a deletion.
    """

    txids: tuple[int, ...]
    raw: bytes | None

    @property
    def record(self) -> Record | None:
        """The record, unless it was deleted or has expired."""
        return None if self.raw is None else alive(decode(self.raw))

    def written(self) -> bytes:
        """As it is stored."""
        head = _HEAD.pack(_FORMAT, self.raw is not None, len(self.txids))
        ids = Struct(f"<{len(self.txids)}Q").pack(*self.txids)
        return head + ids + (self.raw or b"")

    def expire(self) -> int:
        """For how long the server is to keep it: longer than it is valid, by a second or two."""
        if self.raw is None:
            return _DELETED
        expires = decode(self.raw).expires
        if not expires:
            return 0
        left = max(0, ceil(expires - time.time())) + 2
        if left <= _MONTH:
            return left
        return ceil(expires) + 2 if expires < _LAST - 2 else 0


def read(stored: bytes | None) -> Value | None:
    """What was stored.

    Raises:
        StoreError: it is of a newer release, or somebody else's.
    """
    if stored is None:
        return None
    try:
        form, there, count = _HEAD.unpack_from(stored)
        txids = Struct(f"<{count}Q").unpack_from(stored, _HEAD.size)
    except StructError:
        form, there, txids = -1, False, ()
    if form != _FORMAT or not txids:
        raise StoreError(
            "a value in memcached that is not this release's: a newer one wrote it, or somebody "
            "else uses the same prefix; give this program one of its own with ?prefix="
        )
    return Value(txids, stored[_HEAD.size + 8 * len(txids) :] if there else None)


def after(
    before: Value | None,
    key: bytes,
    data: bytes | None,
    expires: float | None = None,
    version: int | None = None,
) -> Value:
    """What follows a value when `data` is written, or the record deleted (None)."""
    raw = None
    if data is not None:
        raw = successor(key, before.raw if before else None, data, expires, version)
    txid = next_txid() if raw is None else decode(raw).txid
    return Value(((before.txids if before else ()) + (txid,))[-_KEPT - 1 :], raw)


def outcome(now: Value | None, before: Value | None, mine: Value) -> bool | None:
    """Whether a write was made, as what is there now tells; None if it does not.

    Args:
        now: what is there.
        before: what the write was to replace.
        mine: what it was to write.
    """
    if now is None:
        return False if before is None else None
    if mine.txids[-1] in now.txids:
        return True
    if before is not None:
        return False if before.txids[-1] in now.txids else None
    return False if len(now.txids) <= _KEPT else None  # all since the first, and mine is not one
