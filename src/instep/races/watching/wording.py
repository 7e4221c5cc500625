"""What a watched run found, as lines of text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def lines(report: dict[str, Any], folder: Path | None = None) -> list[str]:
    """The report as it stands at the end of a test run.

    Args:
        report: of `Session.stop` or `merged`.
        folder: that paths are shown from.
    """
    folder = folder or Path.cwd()
    made = [*_about(report)]
    objects: dict[str, list[dict[str, Any]]] = {}
    for finding in report["findings"]:
        if finding["severity"] != "low":
            objects.setdefault(finding["location"], []).append(finding)
    for worst, *others in objects.values():
        made += ["", *_finding(worst, folder)]
        briefs = dict.fromkeys(_brief(finding, folder) for finding in others)
        made += [f"    also    {brief}" for brief in briefs]
    low = [finding for finding in report["findings"] if finding["severity"] == "low"]
    made += ["", "Of little weight:"] if low else []
    made += [f"    {_brief(finding, folder)}" for finding in low]
    if report["findings"]:
        made += ["", "What is said of one request after another is possible, not yet seen."]
        made += ["`instep explore` shows the interleaving; `instep explain RULE` the rule."]
    return made


def _about(report: dict[str, Any]) -> list[str]:
    found, asked = len(report["findings"]), report["requests"]
    modules = len(report["modules"])
    said = [
        f"{_count(found, 'candidate')} in {_count(asked, 'request')}, "
        f"{_count(modules, 'module')} watched"
    ]
    if not modules:
        said.append(
            "No module of the program was watched: name its folder with --instep-root PATH."
        )
    elif not asked:
        said.append(
            "The tests asked the program for nothing: no request was seen. Tests that call an "
            "application (Flask's or werkzeug's test client) are what this looks at."
        )
    if report["early"]:
        names = ", ".join(report["early"][:6]) + (" …" if len(report["early"]) > 6 else "")
        said.append(f"Imported too early to be watched: {names}")
    for path, reason in report["failed"].items():
        said.append(f"Not watched: {path} ({reason})")
    if report["error"]:
        said.append(f"The pass failed and may have missed something: {report['error']}")
    return said


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _brief(finding: dict[str, Any], folder: Path) -> str:
    places: dict[str, list[str]] = {}
    for site in finding["sites"]:
        places.setdefault(os.path.relpath(site["path"], folder), []).append(str(site["line"]))
    where = ", ".join(f"{path}:{','.join(dict.fromkeys(at))}" for path, at in places.items())
    return f"{finding['rule']} {where} {finding['title']}"


def _finding(finding: dict[str, Any], folder: Path) -> list[str]:
    made = [f"{finding['rule']} {finding['severity']}  {finding['title']}"]
    for site in finding["sites"]:
        path = os.path.relpath(site["path"], folder)
        held = f", under {', '.join(site['locks'])}" if site["locks"] else ""
        kind = {"test": "tested", "iterate": "loop", "write": "written", "update": "changed"}
        word = kind.get(site["kind"], "read")
        function = site["function"].rpartition(".")[2]
        made.append(f"    {word:8}{path}:{site['line']} in {function}: {site['text']}{held}")
    if not any(site["locks"] for site in finding["sites"]):
        made.append("    no lock is held from the one to the other")
    made.append(f"    by      {'; '.join(actor['name'] for actor in finding['actors'])}")
    made.append(f"    so      {finding['consequence']}")
    return made
