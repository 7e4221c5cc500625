"""A stampede: every thread of every process wants the same key at once, and it is not there.

What is wanted takes 0.2 s to make. Told are how often it was made, where once is enough, and how
long it took from the first call until the last caller had an answer, where 0.2 s is the least.
A first stampede, which is not counted, opens everybody's connections.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from statistics import median
from typing import Any

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
from benchmarks.caches.peers import Go, Where
from benchmarks.caches.source import Source
from benchmarks.caches.threads import PATIENCE, Threads
from benchmarks.crew import Ready, crew
from benchmarks.pace import Caches as Pace
from benchmarks.pace import Cell

SECONDS = 0.2
"""That it takes to make what is wanted."""

WAYS = (
    (EMBEDDED, "get_or_create"),
    (ON_REDIS, "get_or_create"),
    (DOGPILE, "get_or_create"),
    (CASHEWS, "cache(lock=True)"),
    (CASHEWS, "early"),
    (DISK, "memoize + barrier"),
    (DISK, "memoize_stampede"),
    (FLASK_FILES, "memoize"),
    (FLASK_REDIS, "memoize"),
)

Rush = Callable[[str, int, Go], list[object]]
"""A key, how many want it at once, and what they wait for; what each of them got."""


@dataclass(frozen=True, slots=True)
class Stampede:
    """What became of some stampedes.

    Args:
        cache: the contender.
        call: what everybody called.
        ours: whether it is instep's.
        processes: how many.
        threads: callers in each.
        walls: seconds until the last caller had an answer, of each stampede.
        made: how often what was wanted was made, likewise.
        answers: how many different answers there were, likewise; 1 is right.
        errors: what callers got instead of an answer, each text once; none is right.
    """

    cache: str
    call: str
    ours: bool
    processes: int
    threads: int
    walls: list[float]
    made: list[int]
    answers: list[int]
    errors: tuple[str, ...]

    @property
    def wall(self) -> float:
        """The median."""
        return median(self.walls)


@dataclass(frozen=True, slots=True)
class Share:
    """What one process saw of one stampede: when it began and ended, by the machine's clock."""

    began: float
    ended: float
    made: int
    answers: frozenset[str]
    errors: frozenset[str]


def run(pace: Pace, where: Where) -> list[Stampede]:
    """Measure every way in every cell."""
    able = possible(where)
    return [
        _stampede(cache, call, cell, where, pace.rushes)
        for cell in pace.cells
        for cache, call in WAYS
        if cache in able
    ]


def _stampede(cache: str, call: str, cell: Cell, where: Where, rushes: int) -> Stampede:
    processes, threads = cell
    keys = [f"{processes}-{threads}-{number}" for number in range(rushes + 1)]
    gate = get_context("forkserver").Barrier(processes)
    told = crew(processes, work, (cache, call), threads, where, keys, gate)
    every = list(zip(*told, strict=True))[1:]  # the first opened the connections
    return Stampede(
        cache,
        call,
        cache in OURS,
        processes,
        threads,
        [max(s.ended for s in one) - min(s.began for s in one) for one in every],
        [sum(share.made for share in one) for one in every],
        [len(frozenset().union(*(share.answers for share in one))) for one in every],
        tuple(sorted(frozenset().union(*(s.errors for one in every for s in one)))),
    )


def work(
    way: tuple[str, str], threads: int, where: Where, keys: list[str], gate: Any, ready: Ready
) -> list[Share]:
    """One process: its share of each stampede."""
    name, call = way
    source = Source(SECONDS)
    with EVERY[name](where, source) as cache:
        callers = cache.callers or Threads(cache.fetches)
        rush = partial(callers.rush, call)
        ready()
        return [_share(rush, key, threads, source, gate) for key in keys]


def _share(rush: Rush, key: str, threads: int, source: Source, gate: Any) -> Share:
    began = 0.0

    def go() -> None:
        nonlocal began
        gate.wait(PATIENCE)
        began = time.monotonic()

    answers = rush(key, threads, go)
    ended = time.monotonic()
    good = frozenset(str(one["made by"]) for one in answers if isinstance(one, dict))
    bad = frozenset(f"{type(one).__name__}: {one}" for one in answers if not isinstance(one, dict))
    made = source.asked.count(key)
    gate.wait(PATIENCE)  # nobody begins the next one while others are in this
    return Share(began, ended, made, good, bad)
