"""Interleaved rounds: noise on the machine hits every contender alike, and the ratios stay.

In each round every contender has its turn, in an order that moves on by one. A contender's time in
a round is the mean of many calls; a ratio is taken within each round, and the median over the
rounds is what is told.
"""

from collections.abc import Callable, Mapping
from statistics import median
from timeit import Timer

Action = Callable[[], object]
Times = dict[str, list[float]]
"""Seconds per call by contender, one for each round."""

_SHORTEST = 1e-3  # seconds; a shorter trial says little about how many calls fill a turn


def measure(contenders: Mapping[str, Action], rounds: int, turn: float) -> Times:
    """Time the contenders in turn.

    Args:
        contenders: one call of each.
        rounds: how many turns each has.
        turn: seconds that a turn lasts, about; a single call may take longer.
    """
    timers = {
        name: Timer(action, "gc.enable()", globals=_GC) for name, action in contenders.items()
    }
    counts = {name: _filling(timer, turn) for name, timer in timers.items()}
    times: Times = {name: [] for name in timers}
    for place in range(rounds):
        for name in _from(list(timers), place):
            times[name].append(timers[name].timeit(counts[name]) / counts[name])
    return times


def ratio(times: Times, one: str, other: str) -> float:
    """How many times as long as `other` `one` takes: the median of the rounds' ratios."""
    return median(a / b for a, b in zip(times[one], times[other], strict=True))


def _filling(timer: Timer, turn: float) -> int:
    """How many calls fill a turn; counting them warms the contender up.

    The first call, which may open a connection, does not count, and of each trial the fastest does:
    a contender that was interrupted in its only one would have few and cold calls in every turn.
    """
    timer.timeit(1)
    count, seconds = 1, min(timer.repeat(3, 1))
    while seconds < min(_SHORTEST, turn):
        count *= 2
        seconds = min(timer.repeat(3, count))
    return max(1, round(turn / seconds * count))


def _from(names: list[str], place: int) -> list[str]:
    start = place % len(names)
    return names[start:] + names[:start]


_GC = {"gc": __import__("gc")}  # timeit stops the collector; a program has it running
