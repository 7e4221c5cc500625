"""The pictures of a run: what a call costs, how many a hot object answers, how long one waits."""

from collections.abc import Callable

from benchmarks import hot
from benchmarks.calls import Calls
from benchmarks.chart import Bar, chart
from benchmarks.hot import Heat
from benchmarks.pace import Pace
from benchmarks.peers import CHANGE, ENTRY, READ

KINDS = {
    CHANGE: "Read, change, write: one step",
    ENTRY: "Write one entry",
    READ: "Read",
}
_OURS = ("shared object", "counter", "mapping")
_HOT = "A hot object, processes x threads:"


def pictures(calls: Calls | None, heats: list[Heat] | None, pace: Pace) -> dict[str, str]:
    """SVG texts by file name, of the parts that were measured."""
    drawn: dict[str, str] = {}
    if calls:
        drawn["calls.svg"] = _calls(calls)
    if heats:
        title = f"{_HOT} all calls, longer is better"
        drawn["rate.svg"] = _heats(heats, pace, title, "calls/s, logarithmic", _rate)
        title = f"{_HOT} the longest wait, shorter is better"
        drawn["wait.svg"] = _heats(heats, pace, title, "ms, logarithmic", _longest)
    return drawn


def _calls(part: Calls) -> str:
    groups = {
        heading: [
            Bar(line.name, line.median, f"{line.median:.2f}", line.name.startswith(_OURS))
            for line in sorted(part.lines, key=lambda line: line.median)
            if line.kind == kind
        ]
        for kind, heading in KINDS.items()
    }
    return chart("One call, nobody else: shorter is better", "µs, logarithmic", groups)


def _heats(
    heats: list[Heat], pace: Pace, title: str, unit: str, value: Callable[[Heat], float]
) -> str:
    groups: dict[str, list[Bar]] = {}
    for cell in pace.cells:
        bars = groups[f"{cell[0]} x {cell[1]}"] = []
        for name in hot.CONTENDERS:
            height = value(hot.middle(heats, name, cell))
            bars.append(Bar(name, height, f"{height:,.0f}", name != hot.SQLITE))
    return chart(title, unit, groups)


def _rate(heat: Heat) -> float:
    return heat.rate


def _longest(heat: Heat) -> float:
    return heat.longest * 1e3
