"""The figures that the project set itself, and whether this run reached them."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import calls, growth, hot, page
from benchmarks.pace import GOAL
from benchmarks.pages import SHARED
from benchmarks.peers import CHANGE

_STEP = 4_000
"""Kilobytes that a worker's own memory may differ by: a checkpoint, which LMDB writes from two
buffers of a megabyte each, makes half of it."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure.

    Args:
        what: what it is about.
        target: what it must be.
        measured: what it was.
        reached: whether that is enough.
    """

    what: str
    target: str
    measured: str
    reached: bool


def of_calls(found: calls.Calls) -> Iterator[Goal]:
    """A call beside raw LMDB, Redis and the manager."""
    ratios = {line.name: line.ratio for line in found.lines if line.kind == CHANGE}
    yield at_most("shared object's call, to raw LMDB", ratios[calls.OURS], 8)
    yield at_most("`counter.increment`, to raw LMDB", ratios["counter.increment"], 4)
    for peer, times in (("redis-py INCR, loopback", 8), ("Manager: lock, get, set", 20)):
        if peer in found.slower:
            yield at_least(f"{peer}, to the shared object's call", found.slower[peer], times)


def of_heat(found: list[hot.Heat]) -> Iterator[Goal]:
    """The hot object beside SQLite, in the cell that the goal names."""
    ours, theirs = (hot.middle(found, name, GOAL) for name in (hot.OURS, hot.SQLITE))
    where = f"hot object, {GOAL[0]} processes x {GOAL[1]} threads"
    yield Goal(
        f"{where}: calls",
        "≥ 100,000 /s, or ≥ 3x SQLite's",
        f"{ours.rate:,.0f} /s, {ours.rate / theirs.rate:.1f}x",
        ours.rate >= 100_000 or ours.rate >= 3 * theirs.rate,
    )
    yield Goal(
        f"{where}: longest wait",
        "≤ 1/5 of SQLite's",
        f"{ours.longest * 1e3:,.0f} ms to {theirs.longest * 1e3:,.0f} ms: "
        f"1/{theirs.longest / ours.longest:.1f}",
        ours.longest * 5 <= theirs.longest,
    )
    lost = sum(heat.lost for heat in found)
    yield Goal("hot object, every cell: lost updates", "0", str(lost), lost == 0)


def of_growth(found: growth.Growth) -> Iterator[Goal]:
    """An entry of a large mapping, and the memory of a worker on one."""
    largest = max(cost.size for cost in found.entries)
    for cost in found.entries:
        if cost.size == largest and cost.operation in ("get", "set"):
            what = f"mapping, {cost.operation} at {largest:,} entries, to the smallest"
            yield at_most(what, cost.ratio, 2)
    small, large = found.weights
    yield Goal(
        "a worker's own memory, largest store to smallest",
        f"the same, within {_STEP / 1000:g} MB",
        f"{(large.own - small.own) / 1000:+.1f} MB",
        large.own - small.own <= _STEP,
    )


def of_page(found: page.Pages) -> Iterator[Goal]:
    """The page beside the plain global's."""
    ratio = next(one.ratio for one in found.served if one.name == SHARED)
    measured = f"{ratio:.1%}"
    yield Goal(
        "page with the shared object, to the plain global's", "≥ 95 %", measured, ratio >= 0.95
    )


def at_most(what: str, ratio: float, limit: float) -> Goal:
    """A ratio that must not be larger."""
    return Goal(what, f"≤ {limit:g}x", f"{ratio:.2f}x", ratio <= limit)


def at_least(what: str, ratio: float, limit: float) -> Goal:
    """A ratio that must not be smaller."""
    return Goal(what, f"≥ {limit:g}x", f"{ratio:.1f}x", ratio >= limit)
