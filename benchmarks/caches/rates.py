"""A rate limit: what it takes to count one request, by the three kinds of window.

Each user makes 50 of the 100 requests that he may make in a minute, then comes the next user: so
every hit is let through, and a moving window has 25 entries on average. All storages, and Redis,
share one processor.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from statistics import median

import limits
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    RateLimiter,
    SlidingWindowCounterRateLimiter,
)

from benchmarks.caches.peers import Where
from benchmarks.pace import Caches as Pace
from benchmarks.processors import together
from benchmarks.rounds import Action, Times, measure, ratio
from instep import Space
from instep.integrations.limits import InstepStorage

MEMORY, REDIS = "memory, one process", "Redis"
EMBEDDED, ON_REDIS = "instep, embedded", "instep, Redis"
OURS = (EMBEDDED, ON_REDIS)

WINDOWS: dict[str, Callable[[Storage], RateLimiter]] = {
    "fixed window": FixedWindowRateLimiter,
    "moving window": MovingWindowRateLimiter,
    "sliding window": SlidingWindowCounterRateLimiter,
}
_LIMIT = limits.parse("100 per minute")
_EACH = 50


@dataclass(frozen=True, slots=True)
class Rate:
    """What a hit took on one storage.

    Args:
        window: the kind.
        storage: the contender.
        ours: whether it is instep's.
        median: microseconds, the median over the rounds.
        least: microseconds, the fastest round.
        ratio: to limits' Redis storage, the median of the rounds' ratios; None without Redis.
    """

    window: str
    storage: str
    ours: bool
    median: float
    least: float
    ratio: float | None


def run(pace: Pace, where: Where) -> list[Rate]:
    """Measure every kind of window on every storage."""
    found: list[Rate] = []
    for window, limiter in WINDOWS.items():
        with _storages(where) as storages:
            hits = {name: _hit(limiter(storage), window) for name, storage in storages.items()}
            with together():
                times = measure(hits, pace.rounds, pace.turn)
        found += [_rate(window, name, times) for name in times]
    return found


def _hit(limiter: RateLimiter, window: str) -> Action:
    """A hit by the next user; in Redis the windows need users of their own."""
    numbers = count()

    def hit() -> None:
        user = f"{window}-{next(numbers) // _EACH}"
        if not limiter.hit(_LIMIT, user):
            raise AssertionError(f"{user} was refused")

    return hit


@contextmanager
def _storages(where: Where) -> Iterator[dict[str, Storage]]:
    storages: dict[str, Storage] = {MEMORY: MemoryStorage()}
    with ExitStack() as open_:
        space = open_.enter_context(closing(Space(f"lmdb:{where.folder}/limits")))
        storages[EMBEDDED] = InstepStorage(space=space)
        if where.redis:
            served = open_.enter_context(closing(Space(f"{where.redis}/7")))
            storages[ON_REDIS] = InstepStorage(space=served)
            storages[REDIS] = RedisStorage(f"{where.redis}/6")
        yield storages
    storages[MEMORY].reset()  # its thread has nothing left to do


def _rate(window: str, name: str, times: Times) -> Rate:
    micro = [seconds * 1e6 for seconds in times[name]]
    beside = ratio(times, name, REDIS) if REDIS in times else None
    return Rate(window, name, name in OURS, median(micro), min(micro), beside)
