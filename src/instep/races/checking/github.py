"""The report as workflow commands of GitHub Actions, which shows them beside the changed lines."""

from __future__ import annotations

from collections.abc import Iterator

from ..rules.finding import Severity
from .report import Entry, Report
from .words import reached_by

COMMANDS = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "notice"}


def github(report: Report) -> Iterator[str]:
    """One line for each finding, broken file and note."""
    for broken in report.broken:
        yield _command("error", broken.reason, broken.path, broken.line)
    for entry in report.findings:
        yield _finding(entry)
    for note in report.notes:
        yield _command("warning", note.text, note.path, note.line)


def _finding(entry: Entry) -> str:
    finding, site = entry.finding, entry.site
    said = [finding.consequence]
    said += [
        f"{other.label.capitalize()}: {other.path}:{other.line}"
        for other in entry.sites
        if other != site
    ]
    if entry.actors:
        said.append(f"Reached by {reached_by(entry)}")
    said.append(f"Fix: {finding.fix}")
    said.append(f"Or, without instep: {finding.plain}")
    title = f"{finding.rule} {finding.severity}: {finding.title}"
    return _command(
        COMMANDS[finding.severity],
        "\n".join(filter(None, said)),
        site.path,
        site.line,
        col=str(site.column),
        endColumn=str(site.end_column),
        title=title,
    )


def _command(kind: str, text: str, path: str, line: int, **more: str) -> str:
    properties = {"file": path, "line": str(line) if line else "", **more}
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{kind}{' ' if told else ''}{told}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
