"""Windows of a rate limit: what a hit makes of the state that is there, as pure functions.

How it stays right. Nothing here looks at a clock: `now` is given, and the functions may run again
with a later one. A clock that was set back, or that differs between two machines, shortens a window
by that difference, and never makes one longer than it should be.

Times are seconds since the epoch; `expiry` is the window's length in seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from math import floor
from typing import Any, NamedTuple

State = list[Any]

MOST = 4096  # hits of a moving window that have a time each; of more, neighbours share one


def count(state: State | None, now: float, expiry: float, amount: int) -> tuple[State, int]:
    """Count hits in a fixed window, which begins with its first hit.

    Returns:
        The new state, `[end, hits]`, and the number of hits in it.
    """
    end, hits = now + expiry, amount
    if state is not None and state[0] > now:
        end, hits = min(state[0], end), state[1] + amount
    return [end, hits], hits


class Recent(NamedTuple):
    """The hits that a moving window has in it.

    Args:
        times: of the hits, the oldest first.
        amounts: of each of them.
    """

    times: list[float]
    amounts: list[int]


def recent(state: State | None, now: float, expiry: float) -> Recent:
    """The hits that are at most `expiry` old."""
    if state is None:
        return Recent([], [])
    times, amounts = state
    if times[-1] > now:
        times = [min(time, now) for time in times]
    first = bisect_left(times, now - expiry)
    return Recent(times[first:], amounts[first:])


def acquire(
    state: State | None, now: float, limit: int, expiry: float, amount: int
) -> tuple[State | None, bool]:
    """Enter a hit into a moving window if there is room for it.

    Returns:
        The new state, `[times, amounts]`, or None to leave it as it is; whether there was.
    """
    times, amounts = recent(state, now, expiry)
    room = sum(amounts) + amount <= limit
    if not room or not amount:
        # A later clock was put right: that must be kept, or these hits would seem new each time.
        ahead = state is not None and state[0][-1] > now
        return [times, amounts] if ahead else None, room
    if len(times) >= MOST:
        times, amounts = _coarse(times, amounts, 2 * expiry / MOST)
    return [[*times, now], [*amounts, amount]], True


def _coarse(times: list[float], amounts: list[int], width: float) -> Recent:
    """The hits of each span of `width` seconds as one, at the time of the last of them.

    The later time, so that no window ever gets more than its limit; and spans that lie fixed, so
    that doing it again does not make them wider.
    """
    last: dict[float, float] = {}
    sums: dict[float, int] = {}
    for time, amount in zip(times, amounts, strict=True):
        span = time // width
        last[span] = time
        sums[span] = sums.get(span, 0) + amount
    return Recent(list(last.values()), list(sums.values()))


class Slide(NamedTuple):
    """Two windows that follow each other.

    Args:
        start: when the current one began; the one before ended then.
        previous: hits in the one before.
        current: hits in the current one.
    """

    start: float
    previous: int
    current: int

    def left(self, now: float, expiry: float) -> float:
        """For how many seconds the window before still counts, a smaller part of it each moment."""
        return max(0.0, self.start + expiry - now)


def slide(state: State | None, now: float, expiry: float) -> Slide:
    """The two windows as they are now; the first one begins with its first hit."""
    if state is None:
        return Slide(now, 0, 0)
    start, previous, current = state
    windows = (now - start) // expiry
    if windows < 1:
        return Slide(min(start, now), previous, current)
    return Slide(start + expiry, current, 0) if windows < 2 else Slide(now, 0, 0)


def enter(
    state: State | None, now: float, limit: int, expiry: float, amount: int
) -> tuple[State | None, bool]:
    """Count a hit in the current window if both together leave room for it.

    Returns:
        The new state, `[start, previous, current]`, or None to leave it; whether they did.
    """
    windows = slide(state, now, expiry)
    weighted = floor(windows.previous * windows.left(now, expiry) / expiry) + windows.current
    if weighted + amount > limit:
        ahead = state is not None and state[0] > now  # as in `acquire`
        return list(windows) if ahead else None, False
    start, previous, current = windows
    return [start, previous, current + amount], True
