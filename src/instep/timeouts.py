"""Timeouts: the longest waits that a program may ask for."""

from __future__ import annotations

from math import isfinite

from .errors import Misuse

_LONGEST = 1e6  # seconds, eleven days: not every clock that a wait goes by takes more


def checked_timeout(timeout: float) -> float:
    """A timeout in seconds, as a float; one of more than eleven days is one of eleven days.

    Raises:
        Misuse: it is negative or not a finite number.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise Misuse(f"a timeout is a number of seconds; this is {timeout!r}")
    if not isfinite(timeout) or timeout < 0:
        raise Misuse(f"a timeout is finite and not negative; this is {timeout!r}")
    return min(float(timeout), _LONGEST)
