"""For how long a cache keeps what; checked when it is declared."""

from __future__ import annotations

import time
from math import inf, isnan
from typing import Any, Final, NamedTuple

from ...errors import Misuse

AS_DECLARED: Final[Any] = type("AsDeclared", (), {"__repr__": lambda _: "the cache's own"})()
"""A ttl that is not given."""


class Terms(NamedTuple):
    """What is declared of a cache.

    Args:
        ttl: for how long a value is fresh, in seconds; infinite for always.
        stale: for how long after that it is served while somebody makes it anew, in seconds.
        early: how readily a value is made anew before its time; 0.0 for never, else XFetch's beta.
        negative: the ttl of None, in seconds; 0.0 not to keep it at all; None for that of others.
        max_entries: how many there may be, or None.
        timeout: the longest wait for somebody else's flight, in seconds; None for the space's.
    """

    ttl: float
    stale: float
    early: float
    negative: float | None
    max_entries: int | None
    timeout: float | None

    def fresh(self, ttl: float | None, value: object = ...) -> float:
        """Until when a value that is made now is fresh, in seconds since the epoch.

        Args:
            ttl: what the caller gave.
            value: the value, if there is one yet.
        """
        now = time.time()
        if value is None and self.negative is not None:
            return now + self.negative
        return now + (self.ttl if ttl is AS_DECLARED else checked_ttl(ttl))

    def expires(self, fresh: float) -> float:
        """When the record of a value ends; 0.0 for never."""
        return 0.0 if fresh == inf else fresh + self.stale


def checked_terms(
    ttl: float | None,
    stale: float,
    early: float,
    negative: float | None,
    max_entries: int | None,
    timeout: float | None,
) -> Terms:
    """The terms of a cache.

    Raises:
        Misuse: one of them cannot be right.
    """
    if max_entries is not None and (type(max_entries) is not int or max_entries < 1):
        raise Misuse(f"max_entries is a whole number from 1 on; this is {max_entries!r}")
    return Terms(
        checked_ttl(ttl),
        _seconds("stale", stale),
        _seconds("early", early),
        None if negative is None else _seconds("negative", negative),
        max_entries,
        timeout,
    )


def checked_ttl(ttl: float | None) -> float:
    """A ttl in seconds.

    Raises:
        Misuse: it is not a positive number, or None for always.
    """
    if ttl is None:
        return inf
    if _is_number(ttl) and ttl > 0:
        return float(ttl)
    raise Misuse(
        f"ttl is for how many seconds a value is kept, more than 0, or None for always; this is "
        f"{ttl!r}: delete(key) is what ends a value at once"
    )


def _seconds(what: str, number: float) -> float:
    if _is_number(number) and 0 <= number < inf:
        return float(number)
    raise Misuse(f"{what} is a number, 0 or more; this is {number!r}")


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return not isnan(value)
    except OverflowError:  # more than any float
        return False
