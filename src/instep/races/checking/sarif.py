"""The report as SARIF 2.1.0 (OASIS standard, 2020), for GitHub code scanning and for editors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from instep import __version__

from ..reading.model import Broken
from ..rules import RULES
from ..rules.finding import Severity
from .report import Entry, Note, Report, Silenced, Site
from .words import reached_by, who

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_ROOT = "%SRCROOT%"


def sarif(report: Report) -> dict[str, Any]:
    """The report as one run of a SARIF log."""
    results = [_result(entry) for entry in report.findings]
    results += [_silenced(one) for one in report.silenced]
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": _text("The folder of the project.")}},
        "invocations": [
            {
                "executionSuccessful": report.files > 0,
                "toolExecutionNotifications": [
                    *map(_broken, report.broken),
                    *map(_note, report.notes),
                ],
            }
        ],
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver() -> dict[str, Any]:
    rules = [
        {
            "id": rule.id,
            "name": "".join(word.capitalize() for word in rule.name.replace("-", " ").split()),
            "shortDescription": _text(rule.summary),
            "defaultConfiguration": {"level": LEVELS[rule.severity]},
            "help": _text(f"instep explain {rule.id}"),
        }
        for rule in RULES.values()
    ]
    return {"name": "instep", "semanticVersion": __version__, "rules": rules}


def _result(entry: Entry) -> dict[str, Any]:
    finding = entry.finding
    related = [site for site in entry.sites if site != entry.site]
    return {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
        "level": LEVELS[finding.severity],
        "message": _text(_message(entry)),
        "locations": [_location(entry.site)],
        "relatedLocations": [
            {"id": number, **_location(site), "message": _text(site.label)}
            for number, site in enumerate(related, 1)
        ],
        "partialFingerprints": {"instep/v1": entry.fingerprint},
        "properties": {
            "window": str(finding.window),
            "object": entry.object,
            "actors": [who(actor) for actor in entry.actors],
        },
    }


def _message(entry: Entry) -> str:
    """Title, consequence and who reaches it, as sentences."""
    finding = entry.finding
    said: Iterable[str] = (finding.title, finding.consequence, f"Fix: {finding.fix}")
    if entry.actors:
        reached = reached_by(entry)
        said = (finding.title, finding.consequence, f"Reached by {reached}", f"Fix: {finding.fix}")
    return " ".join(f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in said if text)


def _silenced(one: Silenced) -> dict[str, Any]:
    if one.by == "comment":
        suppression = {"kind": "inSource", "justification": one.reason or "a comment"}
    else:
        suppression = {"kind": "external", "justification": "in the baseline"}
    return {**_result(one.entry), "suppressions": [suppression]}


def _location(site: Site) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": _artifact(site.path),
            "region": {
                "startLine": site.line,
                "startColumn": site.column,
                "endColumn": site.end_column,
            },
        }
    }
    if site.function:
        name = {"fullyQualifiedName": site.function, "kind": "function"}
        location["logicalLocations"] = [name]
    return location


def _artifact(path: str) -> dict[str, str]:
    uri = quote(path, safe="/", errors="surrogateescape")
    return {"uri": f"file://{uri}"} if uri.startswith("/") else {"uri": uri, "uriBaseId": _ROOT}


def _broken(broken: Broken) -> dict[str, Any]:
    place = {"artifactLocation": _artifact(broken.path)}
    region = {"region": {"startLine": broken.line}} if broken.line else {}
    return {
        "level": "error",
        "message": _text(broken.reason),
        "locations": [{"physicalLocation": {**place, **region}}],
    }


def _note(note: Note) -> dict[str, Any]:
    where = f"{note.path}:{note.line}: " if note.line else f"{note.path}: " if note.path else ""
    return {"level": "note", "message": _text(f"{where}{note.text}")}


def _text(text: str) -> dict[str, str]:
    return {"text": text}
