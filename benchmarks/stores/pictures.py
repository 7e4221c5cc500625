"""The pictures of the stores on servers."""

from benchmarks.chart import Bar, chart
from benchmarks.plot import Panel, plot
from benchmarks.stores import Stores
from benchmarks.stores.calls import FLOOR, SYNC
from benchmarks.stores.handover import PEER
from benchmarks.stores.places import EMBEDDED
from benchmarks.stores.spread import OBJECTS


def pictures(found: Stores, cores: int) -> dict[str, str]:
    """SVG texts by file name.

    Args:
        found: what was measured.
        cores: processors of the machine.
    """
    return {
        "stores-calls.svg": _calls(found),
        "stores-handover.svg": _handover(found),
        "stores-spread.svg": _spread(found, cores),
    }


def _calls(found: Stores) -> str:
    groups = {
        group.name: [
            Bar(line.name, line.median, f"{line.median:,.0f}", line.ours)
            for line in sorted(group.lines, key=lambda line: line.median)
            if line.name not in (SYNC, FLOOR)
        ]
        for group in found.calls
    }
    return chart("One call on a server, nobody else: shorter is better", "µs, logarithmic", groups)


def _handover(found: Stores) -> str:
    groups = {
        "From letting go until one who waits is in, median": [
            Bar(one.name, one.median * 1e3, _short(one.median * 1e3), one.name != PEER)
            for one in found.handover
        ],
        "The longest that anybody waited": [
            Bar(one.name, one.longest * 1e3, _short(one.longest * 1e3), one.name != PEER)
            for one in found.handover
        ],
    }
    title = "One lock, kept for a millisecond, wanted by 8 processes: shorter is better"
    return chart(title, "ms, logarithmic", groups)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _spread(found: Stores, cores: int) -> str:
    engines = list(dict.fromkeys(one.engine for one in found.spread))
    counts = list(dict.fromkeys(one.processes for one in found.spread))
    rates = {
        engine: [one.rate for one in found.spread if one.engine == engine] for engine in engines
    }
    servers = {
        engine: [one.server for one in found.spread if one.engine == engine]
        if engine != EMBEDDED
        else None
        for engine in engines
    }
    machine = {
        engine: [one.machine for one in found.spread if one.engine == engine] for engine in engines
    }
    panels = (
        Panel("Calls per second of all processes, logarithmic", {**rates}),
        Panel(f"Processors that the server keeps busy, of {cores} in all", {**servers}, cores),
        Panel(f"Processors that are busy at all, of {cores}", {**machine}, cores),
    )
    title = f"{OBJECTS:,} objects, so that nobody waits for anybody"
    return plot(title, [str(count) for count in counts], "processes", panels)
