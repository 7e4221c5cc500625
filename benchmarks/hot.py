"""A hot object: every thread of every process wants the same one, all the time.

Each contender counts on one number for a fixed time; at the end the number must be exactly the
count of calls that returned, or the line says that updates were lost.
"""

import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.crew import Ready, crew
from benchmarks.pace import GOAL, Cell, Pace
from benchmarks.peers import Row, Tally
from instep import Space

Increment = Callable[[], int]
ForThread = Callable[[], Increment]
"""Called in each thread, for those that need a connection of their own there."""

Calls = tuple["array[int]", str]
"""What each call of a thread took, in nanoseconds, and what ended them early."""

Contender = Callable[[], AbstractContextManager[ForThread]]
"""Opens the contender in a process, which gets it by pickle."""


@dataclass(frozen=True, slots=True)
class Heat:
    """What one contender did in one cell; times in seconds.

    Args:
        name: the contender.
        processes: how many wanted the object.
        threads: in each process.
        rate: calls per second, of all together.
        p50: half of the calls took no longer.
        p99: 99 of 100 calls took no longer.
        longest: the longest call.
        fairness: calls of the slowest thread per call of the fastest; 1 is fair.
        lost: updates that are missing at the end; 0 is right, less than 0 is too many.
        errors: what calls raised, each text once; none is right.
    """

    name: str
    processes: int
    threads: int
    rate: float
    p50: float
    p99: float
    longest: float
    fairness: float
    lost: int
    errors: tuple[str, ...]


@contextmanager
def shared(url: str) -> Iterator[ForThread]:
    """Calls of one shared object."""
    with closing(Space(url)) as space:
        tally = space.options(volatile=True).share("tally", Tally)
        yield lambda: tally.add


@contextmanager
def counter(folder: Path) -> Iterator[ForThread]:
    """Increments of one counter."""
    with closing(Space(f"lmdb:{folder}")) as space:
        total = space.counter("total")
        yield lambda: total.increment


@contextmanager
def sqlite(folder: Path) -> Iterator[ForThread]:
    """One row, through a connection of each thread's own that waits up to 30 s."""
    yield lambda: Row(folder / "rows.sqlite").increment


OURS, COUNTER, SQLITE = "shared object", "counter", "SQLite"
CONTENDERS: dict[str, Callable[[Path], Contender]] = {
    OURS: lambda folder: partial(shared, f"lmdb:{folder}"),
    COUNTER: lambda folder: partial(counter, folder),
    SQLITE: lambda folder: partial(sqlite, folder),
}


def run(pace: Pace, folder: Path) -> list[Heat]:
    """Measure every cell, the contenders in turn; several rounds of the cell with a goal."""
    heats: list[Heat] = []
    for cell in pace.cells:
        rounds, seconds = (pace.heats, pace.goal_heat) if cell == GOAL else (1, pace.heat)
        for turn in range(rounds):
            for name in CONTENDERS:
                place = folder / f"hot-{len(heats)}-{turn}"
                place.mkdir()
                heats.append(heat(name, CONTENDERS[name](place), cell, seconds))
    return heats


def middle(heats: list[Heat], name: str, cell: Cell) -> Heat:
    """The rounds of a cell as one: medians, and everything that was lost."""
    mine = [h for h in heats if (h.name, h.processes, h.threads) == (name, *cell)]

    def typical(what: str) -> float:
        return float(median(getattr(heat, what) for heat in mine))

    return Heat(
        name,
        *cell,
        typical("rate"),
        typical("p50"),
        typical("p99"),
        typical("longest"),
        typical("fairness"),
        sum(heat.lost for heat in mine),
        tuple(sorted({error for heat in mine for error in heat.errors})),
    )


@dataclass(slots=True)
class _Runner:
    """One thread's calls: how long each took, in nanoseconds, and what ended them early."""

    increment: ForThread
    seconds: float
    took: "array[int]" = field(default_factory=lambda: array("q"))
    error: str = ""

    def run(self, gate: threading.Event) -> None:
        try:
            self._run(self.increment(), gate)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"

    def _run(self, increment: Increment, gate: threading.Event) -> None:
        note, now = self.took.append, time.monotonic_ns
        gate.wait()
        before = now()
        end = before + int(self.seconds * 1e9)
        while before < end:
            increment()
            after = now()
            note(after - before)
            before = after


def work(contender: Contender, threads: int, seconds: float, ready: Ready) -> list[Calls]:
    """One process of a cell: for each of its threads, what every call took, and its error."""
    with contender() as for_thread:
        runners = [_Runner(for_thread, seconds) for _ in range(threads)]
        opened = threading.Event()
        crowd = [threading.Thread(target=runner.run, args=(opened,)) for runner in runners]
        for thread in crowd:
            thread.start()
        ready()
        opened.set()
        for thread in crowd:
            thread.join()
    return [(runner.took, runner.error) for runner in runners]


def heat(name: str, contender: Contender, cell: Cell, seconds: float) -> Heat:
    """Measure one contender in one cell.

    Args:
        name: the contender's.
        contender: opens it.
        cell: how many processes, and threads in each.
        seconds: for how long.
    """
    with contender() as for_thread:
        before = for_thread()()  # makes the object, so that nobody does so against the clock
    processes = crew(cell[0], work, contender, cell[1], seconds)
    took = [calls for process in processes for calls in process]
    with contender() as for_thread:
        after = for_thread()()
    return _summary(name, cell, seconds, took, after - before - 1)


def _summary(name: str, cell: Cell, seconds: float, took: list[Calls], count: int) -> Heat:
    counts = [len(one) for one, _ in took]
    every = sorted(nanoseconds for one, _ in took for nanoseconds in one) or [0]
    total = sum(counts)
    return Heat(
        name,
        *cell,
        rate=total / seconds,
        p50=every[len(every) // 2] / 1e9,
        p99=every[len(every) * 99 // 100] / 1e9,
        longest=every[-1] / 1e9,
        fairness=min(counts) / max(*counts, 1),
        lost=total - count,
        errors=tuple(sorted({error for _, error in took if error})),
    )
