"""Caches, rate limits and resources, beside what Flask programs use for them without instep."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.caches import access, hits, rates, renewal, stampede
from benchmarks.caches.access import Access
from benchmarks.caches.hits import Hits
from benchmarks.caches.peers import Where
from benchmarks.caches.rates import Rate
from benchmarks.caches.renewal import Renewal
from benchmarks.caches.stampede import Stampede
from benchmarks.pace import Caches as Pace
from instep.races.servers import HOST


@dataclass(frozen=True, slots=True)
class Caches:
    """Everything that was measured.

    Args:
        redis: whether there was a Redis server; what needs one is missing without.
        hits: of what is in the cache.
        stampedes: on what is not.
        renewals: of what expires while everybody wants it.
        rates: of requests, counted.
        access: to a resource.
    """

    redis: bool
    hits: Hits
    stampedes: list[Stampede]
    renewals: list[Renewal]
    rates: list[Rate]
    access: list[Access]


def run(pace: Pace, folder: Path, redis_port: int | None) -> Caches:
    """Measure everything.

    Args:
        pace: how much of each.
        folder: for the caches that are kept in files.
        redis_port: of a Redis server, whose databases 1 to 7 are used.
    """
    redis = f"redis://{HOST}:{redis_port}" if redis_port else ""
    where = Where(str(folder / "caches"), redis)
    return Caches(
        bool(redis),
        hits.run(pace, where),
        stampede.run(pace, where),
        renewal.run(pace, where),
        rates.run(pace, where),
        access.run(pace),
    )
