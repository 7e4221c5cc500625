"""What a run found, as Markdown, JSON and charts."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import calls, goals, growth, hot, page
from benchmarks.caches import Caches
from benchmarks.caches import pictures as caches_pictures
from benchmarks.caches import report as caches_report
from benchmarks.caches.goals import of_caches
from benchmarks.calls import Calls
from benchmarks.finder import markdown as finder_markdown
from benchmarks.finder import of_finder
from benchmarks.finder.check import Checked
from benchmarks.growth import Growth
from benchmarks.hot import Heat
from benchmarks.machine import Machine
from benchmarks.pace import Pace
from benchmarks.page import Pages
from benchmarks.pictures import KINDS, pictures
from benchmarks.stores import Stores
from benchmarks.stores import pictures as stores_pictures
from benchmarks.stores import report as stores_report
from benchmarks.stores.goals import of_stores
from benchmarks.table import table

_PAGE_HEAD = ("number kept in", "requests/s", "rounds", "to plain", "µs of processor each")
_REDIS = "not measured: no `redis-server` on this machine"


@dataclass(slots=True)
class Found:
    """Everything that a run measured; None for a part that was not asked for.

    Args:
        machine: where.
        pace: how much of each.
        redis: whether there was a server.
        took: seconds, the whole run.
    """

    machine: Machine
    pace: Pace
    redis: bool
    took: float = 0.0
    calls: Calls | None = None
    hot: list[Heat] | None = None
    growth: Growth | None = None
    page: Pages | None = None
    stores: Stores | None = None
    caches: Caches | None = None
    finder: list[Checked] | None = None

    def goals(self) -> list[goals.Goal]:
        """The project's own figures, as far as they were measured."""
        every: list[goals.Goal] = []
        every += goals.of_calls(self.calls) if self.calls else []
        every += goals.of_page(self.page) if self.page else []
        every += goals.of_heat(self.hot) if self.hot else []
        every += goals.of_growth(self.growth) if self.growth else []
        every += of_stores(self.stores) if self.stores else []
        every += of_caches(self.caches) if self.caches else []
        every += of_finder(self.finder) if self.finder else []
        return every


def write(found: Found, folder: Path) -> None:
    """Write the tables, the figures and the charts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(markdown(found))
    figures = asdict(found) | {"goals": [asdict(goal) for goal in found.goals()]}
    (folder / "results.json").write_text(json.dumps(figures, indent=1) + "\n")
    drawn = pictures(found.calls, found.hot, found.pace)
    if found.stores:
        drawn |= stores_pictures.pictures(found.stores, found.machine.cores)
    if found.caches:
        drawn |= caches_pictures.pictures(found.caches)
    for name, picture in drawn.items():
        (folder / name).write_text(picture)


def markdown(found: Found) -> str:
    """The whole report."""
    parts = ["# Results", _machine(found), _goals(found)]
    parts += [_calls(found.calls, found)] if found.calls else []
    parts += [_hot(found.hot, found.pace)] if found.hot else []
    parts += [_growth(found.growth)] if found.growth else []
    parts += [_page(found.page, found)] if found.page else []
    parts += [stores_report.markdown(found.stores, found.pace.stores)] if found.stores else []
    parts += [caches_report.markdown(found.caches, found.pace.caches)] if found.caches else []
    parts += [finder_markdown(found.finder, found.pace.finder)] if found.finder else []
    return "\n\n".join(parts) + "\n"


def _machine(found: Found) -> str:
    machine = found.machine
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"Written by `python -m benchmarks` on {machine.date}, in {found.took:.0f} s. "
        f"{machine.processor}, {machine.cores} cores, {machine.kernel}, {machine.python}; "
        f"load average before the run {machine.load:.1f}.\n\n{versions}.\n\n"
        "Every comparison is made within this run, the contenders in turn, round by round. Times "
        "are medians over the rounds (a round's figure is the mean of its calls) with the fastest "
        "round beside them; a ratio is taken within each round, and its median is told. "
        "So a ratio need not be the quotient of two medians. instep runs with its default "
        "durability, checkpoints included."
    )


def _goals(found: Found) -> str:
    rows = [
        (goal.what, goal.target, goal.measured, "yes" if goal.reached else "**no**")
        for goal in found.goals()
    ]
    heading = "## Figures the project set itself\n\n"
    return heading + table(("figure", "target", "measured", "reached"), rows)


def _calls(part: Calls, found: Found) -> str:
    head = ("", "µs, median", "µs, fastest", "to raw LMDB")
    text = (
        "## Single calls\n\nOne thread of one process, nobody else; "
        f"{found.pace.rounds} rounds of about {found.pace.turn * 1e3:g} ms each.\n\n"
        "![Microseconds per call](calls.svg)"
    )
    for kind, heading in KINDS.items():
        rows = [
            (line.name, f"{line.median:.2f}", f"{line.least:.2f}", f"{line.ratio:.2f}x")
            for line in part.lines
            if line.kind == kind
        ]
        rows += [] if found.redis else [("redis-py", _REDIS, "", "")]
        text += f"\n\n### {heading}\n\n" + table(head, rows)
    slower = (f"{name} {times:.3g}x" for name, times in part.slower.items() if name != calls.OURS)
    return text + "\n\nA change, in units of the shared object's call: " + ", ".join(slower) + "."


def _hot(part: list[Heat], pace: Pace) -> str:
    head = (
        "processes x threads",
        "",
        "calls/s",
        "p50 µs",
        "p99 µs",
        "longest ms",
        "fairness",
        "lost",
    )
    rows = []
    for cell in pace.cells:
        for name in hot.CONTENDERS:
            heat = hot.middle(part, name, cell)
            times = (
                f"{heat.p50 * 1e6:.1f}",
                f"{heat.p99 * 1e6:,.0f}",
                f"{heat.longest * 1e3:,.1f}",
            )
            where = f"{cell[0]} x {cell[1]}" if name == hot.OURS else ""
            rows.append(
                (where, name, f"{heat.rate:,.0f}", *times, f"{heat.fairness:.2f}", str(heat.lost))
            )
    return (
        "## A hot object\n\nEvery thread of every process counts on one number, as fast as it can, "
        f"for {pace.heat:g} s. The cell of the project's own figure lasts {pace.goal_heat:g} s and "
        f"has {pace.heats} rounds, of which this is the median. "
        "Fairness: calls of the slowest thread per call of the fastest. Lost: updates missing from "
        "the number at the end. SQLite waits up to 30 s for the lock, so its longest wait is "
        "limited by the cell's length.\n\n"
        "![Calls per second](rate.svg)\n\n![Longest wait](wait.svg)\n\n" + table(head, rows)
    )


def _growth(part: Growth) -> str:
    filled = ", ".join(f"{size:,} in {took:.2g} s" for size, took in part.loading.items())
    head = ("operation", "size", "µs, median", "µs, fastest", "to the smallest")
    weights = [
        (f"{w.entries:,}", *(f"{k / 1000:,.1f}" for k in (w.own, w.grown, w.pages, w.file)))
        for w in part.weights
    ]
    heads = ("entries", "own (RssAnon)", "of it grown by the work", "file pages (RssFile)", "file")
    return (
        "## Growth\n\nEntries, with keys chosen at random; measured when the checkpoint of what "
        f"was loaded had been written. Filled one by one: {filled}.\n\n"
        + table(head, _costs(part.entries, "entries"))
        + "\n\nAn object's call reads and writes the whole state.\n\n"
        + table(head, _costs(part.states, "kB"))
        + f"\n\nMemory in MB of a fresh process that did {growth.OPERATIONS:,} operations. File "
        "pages are the kernel's cache, counted for each process that looks at them, and given "
        "back when memory is short.\n\n" + table(heads, weights)
    )


def _costs(costs: Iterable[growth.Cost], unit: str) -> list[Sequence[str]]:
    return [
        (c.operation, f"{c.size:,} {unit}", f"{c.median:.2f}", f"{c.least:.2f}", f"{c.ratio:.2f}x")
        for c in costs
    ]


def _page(part: Pages, found: Found) -> str:
    rows: list[Sequence[str]] = [
        (
            one.name,
            f"{one.rate:,.0f}",
            f"{min(r.rate for r in one.rounds):,.0f} to {max(r.rate for r in one.rounds):,.0f}",
            f"{one.ratio:.1%}",
            f"{one.cpu:,.0f}",
        )
        for one in part.served
    ]
    rows += [] if found.redis else [("Redis INCR", _REDIS, "", "")]
    return (
        f"## The Flask page\n\nThe seed program (flash, template) under gunicorn, "
        f"{page.WORKERS} workers x {page.THREADS} threads, keep-alive; load by {part.load}, "
        f"{page.CLIENTS} connections on the same machine; {found.pace.pages} rounds of "
        f"{found.pace.page:g} s each, the programs in turn. The processor "
        "time is that of gunicorn's processes; Redis and the manager spend their own beside it.\n\n"
        + table(_PAGE_HEAD, rows)
    )
