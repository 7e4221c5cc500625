"""One call at a time: what a step of shared state costs when nobody else wants it."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.pace import Pace
from benchmarks.peers import CHANGE, RAW, contenders
from benchmarks.rounds import Times, measure, ratio


@dataclass(frozen=True, slots=True)
class Line:
    """What one contender's call took.

    Args:
        kind: change (read, modify, write), entry (write) or read.
        name: the contender.
        median: microseconds, the median over the rounds.
        least: microseconds, the fastest round.
        ratio: to the raw LMDB transaction of its kind.
    """

    kind: str
    name: str
    median: float
    least: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Calls:
    """The lines, and how many times as long as ours each peer took for a change.

    Args:
        lines: every contender.
        slower: by peer, the median of the rounds' ratios to the shared object's call.
    """

    lines: list[Line]
    slower: dict[str, float]


OURS = "shared object: method call"


def run(pace: Pace, folder: Path, redis_port: int | None, manager: str) -> Calls:
    """Measure every kind of call."""
    lines: list[Line] = []
    slower: dict[str, float] = {}
    with contenders(folder, redis_port, manager) as kinds:
        for kind, actions in kinds.items():
            times = measure(actions, pace.rounds, pace.turn)
            lines += [_line(kind, name, times) for name in times]
            if kind == CHANGE:
                slower = {name: ratio(times, name, OURS) for name in times}
    return Calls(lines, slower)


def _line(kind: str, name: str, times: Times) -> Line:
    micro = [seconds * 1e6 for seconds in times[name]]
    return Line(kind, name, median(micro), min(micro), ratio(times, name, RAW))
