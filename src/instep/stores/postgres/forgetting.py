"""Expired records in PostgreSQL are forgotten by and by, by those who write such records.

How it stays right. After every 64th write with an expiry a process deletes up to 256 rows that have
expired, oldest first, in a transaction of its own on a connection that nobody wants at the moment.
So four rows can go for each that is written, and what is left are those of the last few writes.
Rows that somebody holds are passed over, and the transaction waits for no lock. What goes wrong is
left to the next one: the caller's write was committed before.
"""

from __future__ import annotations

import time
from itertools import count
from random import randrange

from .link import Link, Lost, Refused, Statement
from .pool import Connections
from .values import number, real

EVERY = 64  # writes
MOST = 256  # rows; more would make the writer wait

_SKEW = 5.0  # seconds that a machine's clock may be ahead of those of others
_PATIENCE = 2.0  # seconds for the answer

_BEGIN: Statement = ("begin", ())
_GENTLY: Statement = ("gently", ())
_COMMIT: Statement = ("commit", ())


class Forgetting:
    """Forgets for one process what has expired.

    Args:
        pool: the connections.
    """

    def __init__(self, pool: Connections) -> None:
        self._pool = pool
        self._writes = count(randrange(EVERY))  # processes that write little do their part too

    def after_write(self) -> None:
        """Count a write with an expiry, and forget what has expired if it is time to."""
        if next(self._writes) % EVERY == 0:
            link = self._pool.spare()
            if link is not None:
                self._forget(link)

    def _forget(self, link: Link) -> None:
        some: Statement = ("forget", (real(time.time() - _SKEW), number(MOST)))
        try:
            link.ask((_BEGIN, _GENTLY, some, _COMMIT), _PATIENCE)
        except (Lost, Refused):
            link.sound = False
        finally:
            self._pool.give(link)
