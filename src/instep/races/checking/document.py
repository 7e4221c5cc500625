"""The report as JSON: what `explore` and `doctor` go on from.

    {"version": 1, "findings": [{"rule": "IS101", "severity": "high", "window": "exposed", …}], …}

A program that reads it may rely on the keys of version 1; more may come.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from instep import __version__
from instep.errors import Misuse

from .report import Entry, Report, Site

VERSION = 1
_NEEDED = ("rule", "severity", "window", "location", "path", "line", "sites", "actors")


def document(report: Report) -> dict[str, Any]:
    """The report as what `json.dumps` takes."""
    return {
        "version": VERSION,
        "instep": __version__,
        "findings": [told(entry) for entry in report.findings],
        "silenced": [
            {"by": one.by, "reason": one.reason, **told(one.entry)} for one in report.silenced
        ],
        "below": {str(severity): count for severity, count in report.below.items()},
        "broken": [
            {"path": one.path, "line": one.line, "reason": one.reason} for one in report.broken
        ],
        "notes": [
            {"kind": one.kind, "text": one.text, "path": one.path, "line": one.line}
            for one in report.notes
        ],
        "files": report.files,
        "lines": report.lines,
        "actors": report.actors,
        "seconds": round(report.seconds, 3),
    }


def told(entry: Entry) -> dict[str, Any]:
    """One finding."""
    finding = entry.finding
    return {
        "rule": finding.rule,
        "name": entry.name,
        "severity": str(finding.severity),
        "window": str(finding.window),
        "location": str(finding.location),
        "object": entry.object,
        "root": str(finding.location.root),
        "title": finding.title,
        "consequence": finding.consequence,
        **_placed(entry.site),
        "sites": [{**_placed(site), "kind": site.kind} for site in entry.sites],
        "defined": _placed(entry.defined) if entry.defined else None,
        "actors": [
            {"name": one.name, "role": str(one.role), "routes": list(one.routes), "path": one.path}
            for one in entry.actors
        ],
        "also": [
            {"rule": rule, "title": title, **_placed(site)} for rule, title, site in entry.also
        ],
        "fix": finding.fix,
        "plain": finding.plain,
        "fingerprint": entry.fingerprint,
    }


def _placed(site: Site) -> dict[str, Any]:
    return {
        "path": site.path,
        "line": site.line,
        "column": site.column,
        "end_column": site.end_column,
        "function": site.function,
    }


def findings_in(path: Path) -> list[dict[str, Any]]:
    """The findings of a file that `instep check --format json` wrote.

    Args:
        path: of the file.

    Returns:
        Each as `told` makes it.

    Raises:
        Misuse: it cannot be read, or is something else.
    """
    wrong = f"{path} is no report: `instep check --format json --output {path}` makes one"
    try:
        whole: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise Misuse(wrong) from None
    if not isinstance(whole, dict) or not isinstance(whole.get("findings"), list):
        raise Misuse(wrong)
    if whole.get("version") != VERSION:
        raise Misuse(f"{wrong}; this one has version {whole.get('version')!r}, not {VERSION}")
    for finding in whole["findings"]:
        if not isinstance(finding, dict) or any(key not in finding for key in _NEEDED):
            raise Misuse(wrong)
    return list(whole["findings"])
