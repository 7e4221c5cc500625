"""Who has which connection of a pool, for the error that a caller gets when there is none left.

Noting costs a few microseconds for each connection that is taken: two clocks, and a walk up the
stack to the first line of code that is not a library's.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Hashable
from types import FrameType
from typing import TypeVar

from ..errors import Borrower, PoolTimeout

E = TypeVar("E", bound=PoolTimeout)

_SHOWN = 10  # borrowers that a message names; the error has them all
_DEEP = 60  # frames that are looked at
_SKIPPED = {
    "instep",
    "contextlib",
    "sqlalchemy",
    "psycopg_pool",
    "psycopg",
    "redis",
    "httpx",
    "httpcore",
}


class Borrowers:
    """The connections of one pool that are in use.

    Args:
        name: the pool's name in messages.
        whereabouts: says which request is current.
    """

    def __init__(self, name: str, whereabouts: Callable[[], str]) -> None:
        self.name = name
        self._whereabouts = whereabouts
        self._now: dict[Hashable, Borrower] = {}

    def took(self, key: Hashable) -> None:
        """Note that the calling thread has a connection.

        Args:
            key: the connection's, by which it will be given back.
        """
        thread = threading.current_thread()
        self._now[key] = Borrower(
            threading.get_ident(),
            thread.name,
            self._whereabouts(),
            time.time(),
            _place(sys._getframe(1)),
        )

    def gave(self, key: Hashable) -> None:
        """Note that a connection was given back."""
        self._now.pop(key, None)

    def all(self) -> tuple[Borrower, ...]:
        """Who has one, the longest first."""
        return tuple(sorted(self._now.copy().values(), key=lambda one: one.since))

    def late(self, kind: Callable[..., E], timeout: float, limit: int, option: str) -> E:
        """The error for a caller who waited in vain.

        Args:
            kind: a `PoolTimeout`.
            timeout: how long, in seconds.
            limit: how many connections there may be.
            option: the argument that allows more.
        """
        found = self.all()
        text = self._explained(found, timeout, limit, option)
        return kind(text, name=self.name, timeout=timeout, borrowers=found)

    def _explained(
        self, found: tuple[Borrower, ...], timeout: float, limit: int, option: str
    ) -> str:
        begin = f"{self.name}: no connection was free for {timeout:g} s; "
        if len(found) < limit:
            return (
                f"{begin}{len(found)} of {limit} are in use, so the server was perhaps not "
                "reached in that time: look at what it logs" + _listed(found)
            )
        return (
            f"{begin}all {limit} are in use: give them back sooner, or allow more with {option}="
            + _listed(found)
        )


def _listed(found: tuple[Borrower, ...]) -> str:
    lines = [f"\n  {borrower}" for borrower in found[:_SHOWN]]
    more = len(found) - len(lines)
    return "".join(lines) + (f"\n  and {more} more" if more > 0 else "")


def _place(frame: FrameType | None) -> str:
    """The first line of code up the stack that is not a library's."""
    for _ in range(_DEEP):
        if frame is None:
            break
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _SKIPPED:
            code = frame.f_code
            return f"{code.co_filename}:{frame.f_lineno} in {code.co_name}"
        frame = frame.f_back
    return ""
