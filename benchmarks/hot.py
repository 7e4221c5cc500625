"""A hot object: every thread of every process wants the same one, all the time.

Each contender counts on one number for a fixed time; at the end the number must be exactly the
count of calls that returned, or the line says that updates were lost.
"""

import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.pace import GOAL, Cell, Pace
from benchmarks.peers import Row, Tally
from instep import Space

_PATIENCE = 60.0  # seconds for all processes to be ready

Increment = Callable[[], int]
ForThread = Callable[[], Increment]
"""Called in each thread, for those that need a connection of their own there."""


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
        lost: updates that are missing at the end; 0 is right.
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


@contextmanager
def shared(folder: Path) -> Iterator[ForThread]:
    """Calls of one shared object."""
    with closing(Space(f"lmdb:{folder}")) as space:
        tally = space.share("tally", Tally)
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
CONTENDERS = {OURS: shared, COUNTER: counter, SQLITE: sqlite}


def run(pace: Pace, folder: Path) -> list[Heat]:
    """Measure every cell, the contenders in turn; several rounds of the cell with a goal."""
    heats: list[Heat] = []
    for cell in pace.cells:
        rounds, seconds = (pace.heats, pace.goal_heat) if cell == GOAL else (1, pace.heat)
        for turn in range(rounds):
            for name in CONTENDERS:
                place = folder / f"hot-{len(heats)}-{turn}"
                place.mkdir()
                heats.append(_heat(name, cell, seconds, place))
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
    )


@dataclass(slots=True)
class _Runner:
    """One thread's calls: how long each took, in nanoseconds."""

    increment: ForThread
    seconds: float
    took: "array[int]" = field(default_factory=lambda: array("q"))

    def run(self, gate: threading.Event) -> None:
        increment, note, now = self.increment(), self.took.append, time.monotonic_ns
        gate.wait()
        before = now()
        end = before + int(self.seconds * 1e9)
        while before < end:
            increment()
            after = now()
            note(after - before)
            before = after


def work(name: str, cell: Cell, seconds: float, folder: Path, gate: Any, pipe: Connection) -> None:
    """One process of a cell: sends, for each of its threads, what every call took."""
    with CONTENDERS[name](folder) as for_thread:
        runners = [_Runner(for_thread, seconds) for _ in range(cell[1])]
        opened = threading.Event()
        threads = [threading.Thread(target=runner.run, args=(opened,)) for runner in runners]
        for_thread()  # opens the store
        for thread in threads:
            thread.start()
        gate.wait(_PATIENCE)
        opened.set()
        for thread in threads:
            thread.join()
    for runner in runners:
        pipe.send_bytes(runner.took.tobytes())


def _heat(name: str, cell: Cell, seconds: float, folder: Path) -> Heat:
    with CONTENDERS[name](folder) as for_thread:
        before = for_thread()()  # makes the object, so that nobody does so against the clock
    context = get_context("forkserver")
    gate = context.Barrier(cell[0])
    pipes, processes = [], []
    for _ in range(cell[0]):
        receiver, sender = context.Pipe(duplex=False)
        arguments = (name, cell, seconds, folder, gate, sender)
        process = context.Process(target=work, args=arguments, daemon=True)
        process.start()
        sender.close()
        pipes.append(receiver)
        processes.append(process)
    took = [_received(pipe) for pipe in pipes for _ in range(cell[1])]
    for process in processes:
        process.join()
    with CONTENDERS[name](folder) as for_thread:
        after = for_thread()()
    return _summary(name, cell, seconds, took, after - before - 1)


def _received(pipe: Connection) -> "array[int]":
    took = array("q")
    took.frombytes(pipe.recv_bytes())
    return took


def _summary(name: str, cell: Cell, seconds: float, took: "list[array[int]]", count: int) -> Heat:
    counts = [len(one) for one in took]
    every = sorted(nanoseconds for one in took for nanoseconds in one)
    total = len(every)
    return Heat(
        name,
        *cell,
        rate=total / seconds,
        p50=every[total // 2] / 1e9,
        p99=every[total * 99 // 100] / 1e9,
        longest=every[-1] / 1e9,
        fairness=min(counts) / max(counts),
        lost=total - count,
    )
