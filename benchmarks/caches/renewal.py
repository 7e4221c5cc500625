"""Renewal: a key that everybody wants all the time expires, once a second.

What is wanted takes 0.1 s to make. Told are how often it was made, and how many of the callers were
kept waiting for it: some libraries serve the old value meanwhile, or make the new one early.
"""

import time
from dataclasses import dataclass, replace

from benchmarks.caches.contenders import (
    CASHEWS,
    DISK,
    DOGPILE,
    EMBEDDED,
    EVERY,
    FLASK_FILES,
    FLASK_REDIS,
    ON_REDIS,
    OURS,
    possible,
)
from benchmarks.caches.ours import EARLY, STALE
from benchmarks.caches.peers import Where
from benchmarks.caches.source import Source
from benchmarks.caches.threads import Threads
from benchmarks.crew import Ready, crew
from benchmarks.pace import GOAL
from benchmarks.pace import Caches as Pace

TTL, SECONDS, PAUSE = 1, 0.1, 0.01
"""How long it is fresh, how long it takes to make, how long a caller pauses; in seconds."""

LONG = SECONDS / 2
"""Seconds after which a caller counts as kept waiting."""

_MARGIN = 0.2  # seconds of calls that are not counted: others may have been late

WAYS = (
    (EMBEDDED, "get_or_create"),
    (EMBEDDED, STALE),
    (EMBEDDED, EARLY),
    (ON_REDIS, STALE),
    (DOGPILE, "get_or_create"),
    (CASHEWS, "cache(lock=True)"),
    (CASHEWS, "early"),
    (DISK, "memoize + barrier"),
    (DISK, "memoize_stampede"),
    (FLASK_FILES, "memoize"),
    (FLASK_REDIS, "memoize"),
)


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of the calls for one key.

    Args:
        cache: the contender.
        call: what everybody called.
        ours: whether it is instep's.
        calls: how many there were.
        made: how often what was wanted was made.
        waited: callers that were kept waiting.
        p50: seconds in which half of the calls had their answer.
        longest: seconds that the longest call took.
    """

    cache: str
    call: str
    ours: bool
    calls: int
    made: int
    waited: int
    p50: float
    longest: float


def run(pace: Pace, where: Where) -> list[Renewal]:
    """Measure every way."""
    short = replace(where, ttl=TTL)
    able = possible(where)
    return [_renewal(cache, call, short, pace.stream) for cache, call in WAYS if cache in able]


def _renewal(cache: str, call: str, where: Where, seconds: float) -> Renewal:
    processes, threads = GOAL
    told = crew(processes, work, (cache, call), threads, where, seconds)
    waits = sorted(wait for _, mine in told for wait in mine)
    return Renewal(
        cache,
        call,
        cache in OURS,
        calls=len(waits),
        made=sum(made for made, _ in told),
        waited=sum(wait > LONG for wait in waits),
        p50=waits[len(waits) // 2],
        longest=waits[-1],
    )


def work(
    way: tuple[str, str], threads: int, where: Where, seconds: float, ready: Ready
) -> tuple[int, list[float]]:
    """One process: how often it made the value, and what each of its calls took."""
    name, call = way
    source = Source(SECONDS)
    with EVERY[name](where, source) as cache:
        callers = cache.callers or Threads(cache.fetches)
        callers.rush(call, "hot", threads, lambda: None)  # opens the connections
        ready()
        callers.stream(call, "hot", threads, PAUSE, time.monotonic() + _MARGIN)
        before = len(source.asked)
        waits = callers.stream(call, "hot", threads, PAUSE, time.monotonic() + seconds)
        return len(source.asked) - before, waits
