"""Handover: how long a lock that is wanted by all stands unused between two holders.

Each process takes one lock, keeps it for a millisecond, lets go of it and takes it again. Every
process notes by the machine's one monotonic clock when it asked, when it was in and when it began
to let go. A handover is the time from then until one of those who were waiting at that moment is
in; that the former holder was faster than all of them is no handover.
"""

import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median

import redis

from benchmarks.crew import Ready, crew
from benchmarks.pace import Stores as Pace
from benchmarks.stores.places import REDIS, Places
from instep import Space

PROCESSES = 8
KEPT = 0.001  # seconds
PEER = "redis-py Lock"

Lock = AbstractContextManager[object]
Contender = Callable[[], AbstractContextManager[Callable[[], Lock]]]
"""Opens the contender in a process, which gets it by pickle."""


@dataclass(frozen=True, slots=True)
class Handover:
    """What one contender's lock did; times in seconds.

    Args:
        name: the contender.
        rate: holds per second, of all processes together.
        median: half of the handovers took no longer.
        p99: 99 of 100 of them took no longer.
        wait: half of those who asked were in after so long.
        longest: the longest that one waited.
        overlaps: holds that began before the one before had ended; 0 is right.
        errors: what was raised, each text once; none is right.
    """

    name: str
    rate: float
    median: float
    p99: float
    wait: float
    longest: float
    overlaps: int
    errors: tuple[str, ...]


@contextmanager
def ours(url: str) -> Iterator[Callable[[], Lock]]:
    """A lock of a space."""
    with closing(Space(url)) as space:
        lock = space.lock("door", timeout=30)
        yield lambda: lock


@contextmanager
def theirs(url: str) -> Iterator[Callable[[], Lock]]:
    """redis-py's lock, which looks again each 100 ms."""
    with closing(redis.Redis.from_url(url)) as client:
        yield lambda: client.lock("recipe-door", timeout=10)


def run(pace: Pace, every: Places) -> list[Handover]:
    """Measure each engine's lock, and redis-py's."""
    found: list[Handover] = []
    for place in every.found.values():
        found.append(_measured(place.engine, partial(ours, place.url), pace.handover))
        if place.engine == REDIS:
            found.append(_measured(PEER, partial(theirs, place.url), pace.handover))
    return found


Holds = list[tuple[int, int, int]]
"""When it was asked for, when it began, when it ended: of each hold, in nanoseconds."""


def work(contender: Contender, seconds: float, ready: Ready) -> "tuple[array[int], str]":
    """One process: the three times of each hold, one after the other, and its error."""
    times, now, error = array("q"), time.monotonic_ns, ""
    with contender() as lock:
        with lock():
            pass  # opens the store
        ready()
        end = now() + int(seconds * 1e9)
        try:
            while (asked := now()) < end:
                with lock():
                    entered = now()
                    time.sleep(KEPT)
                    left = now()
                times.extend((asked, entered, left))
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
    return times, error


def _measured(name: str, contender: Contender, seconds: float) -> Handover:
    told = crew(PROCESSES, work, contender, seconds)
    holds = [_holds(times) for times, _ in told]
    errors = tuple(sorted({error for _, error in told if error}))
    return summary(name, seconds, holds, errors)


def _holds(times: "array[int]") -> Holds:
    return list(zip(times[::3], times[1::3], times[2::3], strict=True))


def summary(name: str, seconds: float, holds: list[Holds], errors: tuple[str, ...]) -> Handover:
    """What the holds of the processes say.

    Args:
        name: the contender.
        seconds: how long they went on.
        holds: of each process, in their order.
        errors: what it raised.
    """
    every = sorted((entered, left) for mine in holds for _, entered, left in mine)
    gaps = sorted(_handovers(holds)) or [0]
    waits = sorted(entered - asked for mine in holds for asked, entered, _ in mine) or [0]
    return Handover(
        name,
        rate=len(every) / seconds,
        median=median(gaps) / 1e9,
        p99=gaps[len(gaps) * 99 // 100] / 1e9,
        wait=median(waits) / 1e9,
        longest=waits[-1] / 1e9,
        overlaps=sum(later[0] < former[1] for former, later in pairwise(every)),
        errors=errors,
    )


def _handovers(holds: list[Holds]) -> Iterator[int]:
    """From each end of a hold until one of those who were waiting then was in."""
    entries = [[entered for _, entered, _ in mine] for mine in holds]
    for place, mine in enumerate(holds):
        for _, _, left in mine:
            waiting: list[int] = []
            for other, theirs in enumerate(holds):
                following = bisect_right(entries[other], left)
                if other != place and following < len(theirs) and theirs[following][0] < left:
                    waiting.append(theirs[following][1])
            if waiting:
                yield min(waiting) - left
