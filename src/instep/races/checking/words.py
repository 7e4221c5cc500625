"""What a report says in words: who reaches it, when it breaks, what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..rules.finding import Reached, Severity, Window
from .report import ORDER, Entry, Report

WINDOWS = {
    Window.EXPOSED: "breaks on every Python, as soon as two threads or two processes serve",
    Window.LATENT: "breaks with two processes, on builds without the GIL and on Python 3.9; one "
    "process of CPython 3.10 to 3.13 is spared, by an accident",
    Window.PROCESSES: "one process is right; two disagree, whatever locks they take",
}


def who(actor: Reached) -> str:
    """A view or job as people know it: by its routes, and the function's name."""
    what = ", ".join(actor.routes) or str(actor.role)
    return f"{what} ({actor.name})"


def reached_by(entry: Entry, most: int = 4) -> str:
    """Those who reach it; of many, the first."""
    names = [who(actor) for actor in entry.actors]
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def conclusion(report: Report) -> str:
    """What was found in what, in one line."""
    files = f"{_count(report.files, 'file')}, {_count(report.lines, 'line')}"
    took = f"{files} in {report.seconds:.1f} s"
    if not report.files:
        return "nothing was checked"
    if not report.findings:
        return f"nothing found; {took}"
    worst = Counter(min(entry.severity.rank for entry in entries) for entries in report.objects())
    parts = [f"{worst[rank]} {ORDER[rank]}" for rank in sorted(worst)]
    return f"{_count(worst.total(), 'object')} can break: {', '.join(parts)}; {took}"


def left_out(report: Report) -> Iterator[str]:
    """What is not shown, and how to see it."""
    least = [severity for severity in ORDER if report.below.get(severity)]
    if least:
        parts = ", ".join(f"{report.below[severity]} {severity}" for severity in least)
        yield f"not shown: {parts} (--min-severity {least[-1]})"
    by = Counter(silenced.by for silenced in report.silenced)
    if by["comment"]:
        yield f"{_count(by['comment'], 'finding')} silenced by comments"
    if by["baseline"]:
        yield f"{_count(by['baseline'], 'finding')} left out, known from the baseline"
    old = sum(note.kind == "stale" for note in report.notes)
    if old:
        yield f"{_count(old, 'entry', 'entries')} of the baseline found no more: write it again"
    if report.broken:
        were = "was" if len(report.broken) == 1 else "were"
        yield f"{_count(len(report.broken), 'file')} could not be read and {were} not checked"


def statistics(report: Report) -> Iterator[tuple[int, str, Severity]]:
    """How often each rule was found: count, id and name, severity."""
    counts = Counter((entry.finding.rule, entry.name, entry.severity) for entry in report.findings)
    for (rule, name, severity), count in sorted(counts.items()):
        yield count, f"{rule} {name}", severity


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
