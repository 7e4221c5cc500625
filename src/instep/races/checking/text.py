"""The report as text: each finding with its excerpt, then one line that sums it up.

It is made of pieces with a style each, so that the same lines go to a terminal in colour and to a
file without.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from ..rules.finding import Severity
from .excerpt import Line, excerpt, visible
from .report import Entry, Note, Report, Site
from .words import WINDOWS, conclusion, left_out, reached_by, statistics

COLOURS = {Severity.HIGH: "bold red", Severity.MEDIUM: "bold yellow", Severity.LOW: "bold cyan"}
MOST = 6
"""So many writes of one finding are shown; the others are counted."""
_INDENT = 4
_NARROWEST = 40


def text(report: Report, *, width: int, counted: bool = False) -> Iterator[Line]:
    """The whole report, line by line.

    Args:
        report: what was found.
        width: of the terminal, in cells.
        counted: also how often each rule was found, and comments that silence nothing.
    """
    width = max(width, _NARROWEST)
    for entries in report.objects():
        for entry in entries:
            yield from _entry(entry, report, width)
            yield []
    yield from _legend(report, width)
    for broken in report.broken:
        where = f"{broken.path}:{broken.line}"
        yield from _wrapped("not checked", f"{where}: {broken.reason}", width, "yellow")
    for note in report.notes:
        if counted or note.kind not in ("unused", "stale"):
            yield from _note(note, width)
    if counted:
        yield from _statistics(report)
    for line in wrap(conclusion(report), width):
        yield [(line, "bold" if report.findings else "green")]
    for said in left_out(report):
        yield from ([(line, "")] for line in wrap(said, width))


def _legend(report: Report, width: int) -> Iterator[Line]:
    """What the words of the headlines mean, once."""
    for window in sorted({entry.finding.window for entry in report.findings}):
        yield from _wrapped(window, WINDOWS[window], width, "bold")
    if report.findings:
        rule = report.findings[0].finding.rule
        yield from _wrapped("more", f"instep explain {rule}", width, "bold")
        yield []


def _entry(entry: Entry, report: Report, width: int) -> Iterator[Line]:
    finding = entry.finding
    head = f"{finding.rule} {finding.severity}, {finding.window}: "
    title = wrap(visible(finding.title), width, initial_indent=" " * len(head))
    for number, line in enumerate(title):
        rest = (line[len(head) :] if not number else line, "bold")
        yield [(head, COLOURS[finding.severity]), rest] if not number else [rest]
    sites = _shown(entry)
    yield from excerpt(sites, report.sources, main=entry.site, width=width)
    for key, told in _facts(entry, len(entry.sites) - len(sites)):
        yield from _wrapped(f"  = {key}", told, width, "bold")


def _shown(entry: Entry) -> list[Site]:
    sites = [*dict.fromkeys((entry.site, *entry.sites))]
    return sites[:MOST]


def _facts(entry: Entry, hidden: int) -> Iterator[tuple[str, str]]:
    finding = entry.finding
    if hidden > 0:
        yield "more", f"{hidden} more place{'s' if hidden > 1 else ''} like this"
    yield "breaks", finding.consequence
    if entry.actors:
        yield "reached by", reached_by(entry)
    for said, sites in _folded(entry).items():
        yield "also", f"{said} ({', '.join(sites)})"
    yield "fix", finding.fix
    yield "without instep", finding.plain


def _folded(entry: Entry) -> dict[str, list[str]]:
    """What else is wrong, once for all the lines where it is: `shop.py:4, 9`."""
    folded: dict[str, list[str]] = {}
    last: dict[str, str] = {}
    for rule, title, site in entry.also:
        said = f"{rule} {title}"
        where = str(site.line) if last.get(said) == site.path else f"{site.path}:{site.line}"
        last[said] = site.path
        folded.setdefault(said, []).append(where)
    return folded


def _wrapped(key: str, told: str, width: int, style: str) -> Iterator[Line]:
    """A key and a paragraph, indented from the second line on."""
    head = f"{key}: "
    lines = wrap(
        visible(" ".join(told.split())),
        width,
        initial_indent=" " * len(head),
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield [(head, style), (lines[0].strip() if lines else "", "")]
    yield from ([(line, "")] for line in lines[1:])


def _note(note: Note, width: int) -> Iterator[Line]:
    line = f":{note.line}" if note.line else ""
    where = f"{note.path}{line}: " if note.path else ""
    return _wrapped("note", where + note.text, width, "yellow")


def _statistics(report: Report) -> Iterator[Line]:
    for count, rule, severity in statistics(report):
        yield [(f"{count:>5}  {rule}", ""), (f"  {severity}", COLOURS[severity])]
    yield []
