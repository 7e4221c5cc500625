"""Expired records of the embedded store are forgotten by and by, by those who write such records.

How it stays right. After every 32nd write with an expiry a process looks at the next 128 records,
in a write transaction of its own, and deletes those that have expired. Whoever looks goes on where
the last one stopped, whichever process that was; then from the last key again. So each such write
pays for four looks. While n of them are made, at most n records expire and 4n are looked at, so a
round over a store of L living and G expired records takes (L + G)/4 writes, and G grows to a third
of L at most. (With one look for each write a round would never catch up with what expires during
it.) The walk goes backwards because keys often grow with time: forwards it would chase after the
new ones.

Nobody is asked whether he holds a record. While one is held nobody else writes it; that it is gone
when it had expired anyway is no change for its holder (`LmdbHold`).
"""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import count, islice
from random import randrange
from struct import Struct

from lmdb import Transaction

from ..errors import StoreError
from .environment import Environment
from .membership import AT_WALK
from .record import FORMAT, HEADER_SIZE, SHORT, expiry

EVERY = 32  # writes
LOOKS = 128  # records; more would make one of the writers wait

_WALK = Struct(f"<H{SHORT + 1}s")  # a stored key, with its length


class Forgetting:
    """Forgets for one process what has expired.

    Args:
        environment: where the records are.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._writes = count(randrange(EVERY))  # processes that write little do their part too

    def after_write(self) -> None:
        """Count a write with an expiry, and look for what has expired if it is time to."""
        if next(self._writes) % EVERY == 0 and not self._environment.closed:
            with suppress(StoreError):  # what was written is: the next write will meet the trouble
                self._environment.write(self._walk, buffers=True)  # large records are not copied

    def _walk(self, txn: Transaction) -> None:
        """Look at the next records; where that was, all processes know.

        A process that is killed while it writes that down leaves a key that is none, which serves
        as well.
        """
        table = self._environment.table
        length, key = _WALK.unpack_from(table, AT_WALK)
        behind = forget(txn, key[:length], time.time())
        _WALK.pack_into(table, AT_WALK, len(behind), behind)


def forget(txn: Transaction, at: bytes, now: float) -> bytes:
    """Delete what has expired of the next records.

    Args:
        txn: writes, and gives buffers.
        at: the stored key to begin at, going backwards; empty for the last one.
        now: seconds since the epoch.

    Returns:
        Where to go on.
    """
    cursor = txn.cursor()
    if not (at and cursor.set_range(at)):
        cursor.last()
    gone = [
        bytes(cursor.key())
        for raw in islice(cursor.iterprev(keys=False), LOOKS)
        if len(raw) >= HEADER_SIZE and 0.0 < expiry(raw)[0] <= now and raw[0] == FORMAT
    ]
    behind = bytes(cursor.key())
    for stored in gone:
        txn.delete(stored)
    return behind
