"""Spread: many objects, so that nobody waits for anybody: what more processes bring.

Beside the calls stands the processor time of the server, and of the whole machine, while they were
made: it tells which of the two is the limit.
"""

import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle

from benchmarks import processors
from benchmarks.crew import Ready, crew
from benchmarks.pace import Stores as Pace
from benchmarks.peers import Tally
from benchmarks.rounds import Action
from benchmarks.stores.places import Place, Places
from instep import Space
from instep.objects.family import Family

OBJECTS = 1000
_MARGIN = 0.2  # seconds of calls before the measurement and after it, which are not counted


@dataclass(frozen=True, slots=True)
class Spread:
    """What so many processes did.

    Args:
        engine: the store.
        processes: how many, of one thread each.
        rate: calls per second, of all together.
        server: processors that the server kept busy.
        machine: processors that were busy, the server's and everybody's.
    """

    engine: str
    processes: int
    rate: float
    server: float
    machine: float


def run(pace: Pace, every: Places) -> list[Spread]:
    """Measure each engine with each number of processes."""
    found: list[Spread] = []
    for place in every.found.values():
        with closing(Space(place.url)) as space:
            for member in _members(space, random.Random(1)):
                member.add()
        found += [_measured(place, count, pace.spread) for count in pace.processes]
    return found


def _members(space: Space, chance: random.Random) -> list[Tally]:
    family: Family[Tally] = space.options(volatile=True).family("spread", Tally)
    numbers = list(range(OBJECTS))
    chance.shuffle(numbers)
    return [family[f"user-{number}"] for number in numbers]


def work(url: str, seconds: float, ready: Ready) -> int:
    """One process: calls the objects in an order of its own; how many calls it made."""
    with closing(Space(url)) as space:
        calls = cycle([member.add for member in _members(space, random.Random())])
        next(calls)()  # opens the store
        ready()
        start = time.monotonic() + _MARGIN
        _until(start, calls)
        made = _until(start + seconds, calls)
        _until(start + seconds + _MARGIN, calls)
    return made


def _until(end: float, calls: Iterator[Action]) -> int:
    made, now = 0, time.monotonic
    while now() < end:
        next(calls)()
        made += 1
    return made


class _Window:
    """The processors during the measurement."""

    def __init__(self, pid: int, seconds: float) -> None:
        self.pid = pid
        self.seconds = seconds
        self.server = self.machine = 0.0

    def look(self) -> None:
        """Wait until the calls are under way, and look twice."""
        time.sleep(_MARGIN)
        start, busy, used = time.monotonic(), processors.busy(), processors.used(self.pid)
        time.sleep(self.seconds)
        took = time.monotonic() - start
        self.machine = (processors.busy() - busy) / took
        self.server = processors.grown(used, processors.used(self.pid)) / took


def _measured(place: Place, count: int, seconds: float) -> Spread:
    window = _Window(place.pid, seconds)
    made = crew(count, work, place.url, seconds, during=window.look)
    server = window.server if place.pid else 0.0
    return Spread(place.engine, count, sum(made) / seconds, server, window.machine)
