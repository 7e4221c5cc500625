"""What the race finder costs: `instep check` on programs of several sizes."""

from collections.abc import Iterator

from benchmarks.finder.check import Checked
from benchmarks.goals import Goal
from benchmarks.pace import Finder
from benchmarks.table import table

LIMITS = {23_000: 1.5, 150_000: 10.0}
"""Seconds of the processor that a program of so many lines may take."""
MEMORY = 500
"""MB that any may take."""


def of_finder(found: list[Checked]) -> Iterator[Goal]:
    """The figures that the project set itself."""
    for one in found:
        if one.size in LIMITS:
            limit = LIMITS[one.size]
            yield Goal(
                f"`instep check`, {one.size:,} lines: processor",
                f"≤ {limit:g} s",
                f"{one.seconds:.2f} s",
                one.seconds <= limit,
            )
    largest = max(found, key=lambda one: one.memory)
    yield Goal(
        "`instep check`, the most memory",
        f"≤ {MEMORY} MB",
        f"{largest.memory:,.0f} MB",
        largest.memory <= MEMORY,
    )


def markdown(found: list[Checked], pace: Finder) -> str:
    """The section of the report."""
    head = ("program", "lines", "s, median", "s, fastest", "lines/s", "MB")
    rows = [
        (
            one.name,
            f"{one.lines:,}",
            f"{one.seconds:.2f}",
            f"{one.least:.2f}",
            f"{one.lines / one.seconds:,.0f}",
            f"{one.memory:,.0f}",
        )
        for one in found
    ]
    return (
        "## The race finder\n\nSeconds of the processor for the whole command `instep check`, a "
        f"fresh process each; {pace.rounds} rounds. Generated programs are packages of blueprints, "
        "services, models and helpers, made from a seed.\n\n" + table(head, rows)
    )
