"""A whole check: read, find, silence, count. The program is read as text and never imported."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from instep.errors import Misuse

from ..reading import read
from ..reading.collecting import uncollected
from ..reading.model import Program, Role
from ..rules import find
from ..rules.finding import Finding, Severity
from .baseline import Known, read_baseline, stale
from .config import Config
from .given import Names, asked_for, files_of
from .report import ORDER, Note, Report, Silenced
from .sites import Telling
from .suppression import Comments

RUNNING = (Role.VIEW, Role.HOOK, Role.BACKGROUND)


def check(paths: Sequence[Path], *, config: Config | None = None, stdin: bytes = b"") -> Report:
    """Look for races in a program.

    Args:
        paths: files and folders; `-` is the text of `stdin`.
        config: what to look for; everything that counts, unless told.
        stdin: the source of a module.

    Returns:
        What was found, and what was left out and why.

    Raises:
        Misuse: a path that is not there or is no Python file, nothing to read, a bad baseline.

    Example:
        >>> from pathlib import Path
        >>> from instep.races.checking import check
        >>> _ = Path("shop.py").write_text("total = 0")
        >>> check([Path("shop.py")]).findings
        []
    """
    begin = time.perf_counter()
    config = config or Config()
    known = read_baseline(config.baseline) if config.baseline else {}
    with TemporaryDirectory(prefix="instep-check-") as folder, uncollected():
        names = Names(config.root)
        given = files_of(paths, names, stdin, Path(folder))
        exclude = [one for one in config.exclude if not asked_for(one, given, config.root)]
        program = read(given, root=config.root, exclude=exclude)
        if not program.files and not program.broken:
            raise Misuse(f"there is no Python file in {', '.join(map(str, paths))}")
        rules = config.rules()
        report = _report(program, find(program, select=rules) if rules else [], names)
    _silence(report, program, names, rules)
    _leave_known(report, known, config, set(program.files))
    _count(report, config.min_severity)
    report.seconds = time.perf_counter() - begin
    return report


def _report(program: Program, findings: Iterable[Finding], names: Names) -> Report:
    telling = Telling(program, names.shown)
    actors = sum(actor.role in RUNNING for actor in program.actors)
    report = Report(
        findings=[telling.entry(finding) for finding in findings],
        broken=[replace(broken, path=names.shown(broken.path)) for broken in program.broken],
        files=len(program.files),
        lines=program.lines,
        actors=actors,
    )
    if program.files and not actors:
        text = "no view, hook or background job was seen, so nothing is known to run beside itself"
        report.notes.append(Note("actors", text))
    report.notes += _unfinished(program, names)
    for path, lines in program.files.items():
        report.sources[names.shown(path)] = lines
    return report


def _unfinished(program: Program, names: Names) -> list[Note]:
    """What was not followed to its end, in one note."""
    long = list(program.unfinished)
    if len(long) > 1:
        told = ", ".join(long[:3]) + (", …" if len(long) > 3 else "")
        text = f"{len(long)} are longer than a check follows; not all of each was checked: {told}"
        return [Note("unfinished", text)]
    return [
        Note(
            "unfinished",
            f"{name} is longer than a check follows; not all of it was checked",
            names.shown(place.path),
            place.line,
        )
        for name, place in program.unfinished.items()
    ]


def _silence(report: Report, program: Program, names: Names, rules: set[str]) -> None:
    """Take out what a comment in the source knows of."""
    comments = Comments({names.shown(path): lines for path, lines in program.files.items()})
    left = []
    for entry in report.findings:
        judged = comments.judge(entry)
        if isinstance(judged, Silenced):
            report.silenced.append(judged)
        else:
            left.append(judged)
    report.findings = left
    report.notes += comments.notes(rules)


def _leave_known(report: Report, known: dict[str, Known], config: Config, files: set[str]) -> None:
    """Take out what the baseline has."""
    seen = {entry.fingerprint for entry in report.findings}
    seen |= {silenced.entry.fingerprint for silenced in report.silenced}
    report.notes += stale(known, seen, files, config.root)
    report.silenced += [
        Silenced(entry, "baseline") for entry in report.findings if entry.fingerprint in known
    ]
    report.findings = [entry for entry in report.findings if entry.fingerprint not in known]


def _count(report: Report, least: Severity) -> None:
    """Keep what counts, the worst object first; drop the sources that nobody will show."""
    counts = ORDER[: least.rank + 1]
    report.below = dict(
        Counter(entry.severity for entry in report.findings if entry.severity not in counts)
    )
    left = [entry for entry in report.findings if entry.severity in counts]
    worst: dict[str, tuple[int, str, int]] = {}
    for entry in left:
        rank = (entry.severity.rank, entry.site.path, entry.site.line)
        worst[entry.object] = min(rank, worst.get(entry.object, rank))
    report.findings = sorted(
        left,
        key=lambda entry: (
            *worst[entry.object],
            entry.object,
            entry.severity.rank,
            entry.site.path,
            entry.site.line,
            entry.finding.rule,
        ),
    )
    shown = {site.path for entry in report.findings for site in entry.sites}
    report.sources = {path: lines for path, lines in report.sources.items() if path in shown}
