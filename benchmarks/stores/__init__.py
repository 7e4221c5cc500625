"""The same objects on servers: what a call costs there, what contention and growth do to it."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import hot
from benchmarks.hot import Heat
from benchmarks.pace import Stores as Pace
from benchmarks.stores import calls, growth, handover, places, spread
from benchmarks.stores.calls import Group
from benchmarks.stores.growth import Cost
from benchmarks.stores.handover import Handover
from benchmarks.stores.places import Places
from benchmarks.stores.spread import Spread

HOT = (8, 4)
"""Processes and threads that want one object."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that was measured.

    Args:
        missing: why an engine was not, by engine.
        calls: one at a time, by server.
        hot: one object, wanted by all.
        handover: one lock, likewise.
        spread: many objects, by engine and number of processes.
        growth: a call, by engine and objects in the store.
    """

    missing: dict[str, str]
    calls: list[Group]
    hot: list[Heat]
    handover: list[Handover]
    spread: list[Spread]
    growth: list[Cost]


def run(pace: Pace, folder: Path, board: str) -> Stores:
    """Start the servers and measure.

    Args:
        pace: how much of each.
        folder: for the embedded store.
        board: the socket of a `multiprocessing` manager.
    """
    with ExitStack() as up:
        every = places.start(up, folder)
        return Stores(
            every.missing,
            calls.run(pace, every, board),
            _hot(pace, every),
            handover.run(pace, every),
            spread.run(pace, every),
            growth.run(pace, every),
        )


def _hot(pace: Pace, every: Places) -> list[Heat]:
    return [
        hot.heat(place.engine, partial(hot.shared, place.url), HOT, pace.heat)
        for place in every.found.values()
    ]
