"""Growth: does a step cost more, or a worker weigh more, when there is more in the store?"""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import cycle
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.pace import Pace
from benchmarks.peers import raw_environment
from benchmarks.rounds import Action, Times, measure, ratio
from instep import Space

OPERATIONS = 10_000
"""What a fresh process does before it is weighed."""

STATES = (1, 10, 100)
"""Kilobytes of an object's state."""

_SEED = 7
_PATIENCE = 15.0  # seconds for a checkpoint
_RAW = b"x" * 60  # about what an entry takes


@dataclass(frozen=True, slots=True)
class Cost:
    """An operation at one size.

    Args:
        operation: what is done.
        size: entries, or kilobytes of state.
        median: microseconds, the median over the rounds.
        least: microseconds, the fastest round.
        ratio: to the smallest size, the median of the rounds' ratios.
    """

    operation: str
    size: int
    median: float
    least: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Weight:
    """Memory of a fresh process that has done the same work; kilobytes.

    Args:
        entries: how many are in the store.
        own: its private memory (RssAnon) after the work.
        grown: how much of that the work added.
        pages: the kernel's file pages that it has mapped (RssFile): those of the store among them.
        file: the size of the store's file.
    """

    entries: int
    own: int
    grown: int
    pages: int
    file: int


@dataclass(frozen=True, slots=True)
class Growth:
    """What was measured, and how long loading took.

    Args:
        entries: cost of an entry operation by entries.
        states: cost of an object's call by kilobytes of state.
        weights: memory of a worker by entries.
        loading: seconds that it took to fill each mapping through its public interface.
    """

    entries: list[Cost]
    states: list[Cost]
    weights: list[Weight]
    loading: dict[int, float]


def run(pace: Pace, folder: Path) -> Growth:
    """Fill the mappings, measure, weigh."""
    loading: dict[int, float] = {}
    with ExitStack() as open_:
        mappings: dict[int, Any] = {}
        for size in pace.sizes:
            space = open_.enter_context(closing(Space(_url(folder, size))))
            mappings[size] = space.mapping("entries")
            start = time.monotonic()
            _fill(mappings[size], size)
            loading[size] = time.monotonic() - start
        _settle(folder, pace.sizes[-1])
        entries = _costs("get", {n: _get(m, n) for n, m in mappings.items()}, pace)
        entries += _costs("set", {n: _set(m, n) for n, m in mappings.items()}, pace)
        entries += _yardstick(open_, folder, pace)
        space = open_.enter_context(closing(Space(f"lmdb:{folder / 'states'}")))
        states = _states(space, pace)
    weights = [_weigh(folder, size) for size in (pace.sizes[0], pace.sizes[-1])]
    return Growth(entries, states, weights, loading)


def _url(folder: Path, size: int) -> str:
    return f"lmdb:{folder / f'entries-{size}'}"


def _fill(mapping: Any, size: int) -> None:
    for number in range(size):
        mapping[f"user-{number}"] = _entry(number)


def _settle(folder: Path, size: int) -> None:
    """Wait for the checkpoint of what was loaded, so that not the loading is measured."""
    filled, deadline = time.time(), time.monotonic() + _PATIENCE
    checkpoint = Path(_url(folder, size).removeprefix("lmdb:"), "checkpoint.mdb")
    while time.monotonic() < deadline:
        if checkpoint.exists() and checkpoint.stat().st_mtime > filled:
            return
        time.sleep(0.1)


def _entry(number: int) -> dict[str, object]:
    return {"name": f"user-{number}", "seen": number, "open": True}


def _get(mapping: Any, size: int) -> Action:
    key = _keys(size)
    return lambda: mapping[key()]


def _set(mapping: Any, size: int) -> Action:
    key, value = _keys(size), _entry(size)

    def write() -> None:
        mapping[key()] = value

    return write


def _keys(size: int) -> Callable[[], str]:
    """Random keys, drawn beforehand: only the operation is timed."""
    chance = random.Random(_SEED)
    keys = [f"user-{chance.randrange(size)}" for _ in range(50_000)]
    return cycle(keys).__next__


def _yardstick(open_: ExitStack, folder: Path, pace: Pace) -> list[Cost]:
    """The same with LMDB alone, whose trees grow too."""
    envs: dict[int, Any] = {}
    for size in pace.sizes:
        envs[size] = open_.enter_context(closing(raw_environment(folder / f"raw-{size}")))
        with envs[size].begin(write=True) as txn:
            for number in range(size):
                txn.put(f"user-{number}".encode(), _RAW)
    costs = _costs("get, LMDB alone", {n: _raw_get(e, n) for n, e in envs.items()}, pace)
    return costs + _costs("set, LMDB alone", {n: _raw_set(e, n) for n, e in envs.items()}, pace)


def _raw_get(env: Any, size: int) -> Action:
    key = _keys(size)

    def read() -> None:
        with env.begin() as txn:
            txn.get(key().encode())

    return read


def _raw_set(env: Any, size: int) -> Action:
    key = _keys(size)

    def write() -> None:
        with env.begin(write=True) as txn:
            txn.put(key().encode(), _RAW)

    return write


class Page:
    """An object with a state of some size, of which a call changes a little."""

    def __init__(self, kilobytes: int, records: bool) -> None:
        self.views = 0
        self.text: object = "x" * (kilobytes * 1000)
        if records:  # about 40 bytes each
            self.text = [_entry(number) for number in range(kilobytes * 25)]

    def view(self) -> int:
        self.views += 1
        return self.views


def _states(space: Space, pace: Pace) -> list[Cost]:
    costs: list[Cost] = []
    for what, records in ("one text", False), ("small records", True):
        pages: dict[int, Action] = {
            size: space.share(f"{what}-{size}", Page, size, records).view for size in STATES
        }
        costs += _costs(f"call of an object, {what}", pages, pace)
    return costs


def _costs(operation: str, actions: dict[int, Action], pace: Pace) -> list[Cost]:
    named = {str(size): action for size, action in actions.items()}
    times = measure(named, pace.rounds, pace.turn)
    return [_cost(operation, size, times) for size in actions]


def _cost(operation: str, size: int, times: Times) -> Cost:
    micro = [seconds * 1e6 for seconds in times[str(size)]]
    smallest = next(iter(times))
    return Cost(operation, size, median(micro), min(micro), ratio(times, str(size), smallest))


def _weigh(folder: Path, size: int) -> Weight:
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(_url(folder, size), size, sender))
    process.start()
    sender.close()
    weight: Weight = receiver.recv()
    process.join()
    return weight


def work(url: str, size: int, pipe: Connection) -> None:
    """A fresh process: reads and writes random entries, then tells its weight."""
    with closing(Space(url)) as space:
        mapping, key = space.mapping("entries"), _keys(size)
        mapping["user-0"] = _entry(0)
        before = _memory()["RssAnon"]
        for number in range(OPERATIONS // 2):
            mapping[key()] = _entry(number)
            mapping[key()]
        memory = _memory()
        file = Path(url.removeprefix("lmdb:"), "data.mdb")
        own = memory["RssAnon"]
        pages = memory["RssFile"] + memory["RssShmem"]
        pipe.send(Weight(size, own, own - before, pages, file.stat().st_size // 1024))


def _memory() -> dict[str, int]:
    """Kilobytes, from Linux's own account of the process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: int(rest.split()[0]) for name, _, rest in _parts(lines) if name.startswith("Rss")}


def _parts(lines: list[str]) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in lines]
