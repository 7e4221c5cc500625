"""The baseline: findings that were there before, so that a check fails for new ones only.

How it stays right. An entry is matched by its fingerprint, so it survives lines that move and goes
when the line that writes is changed. An entry that matches nothing is told only if its file was
read this time, or is gone: a check of one folder says nothing about the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instep.errors import Misuse
from instep.races.writing import write

from .report import Entry, Note

VERSION = 1


@dataclass(frozen=True, slots=True)
class Known:
    """One entry of a baseline.

    Args:
        fingerprint: what it is matched by.
        rule: its id, for people.
        object: the state, for people.
        path: of the file when it was written.
    """

    fingerprint: str
    rule: str
    object: str
    path: str


def write_baseline(path: Path, entries: Iterable[Entry]) -> int:
    """Write the findings that are there now, in an order that makes small differences small.

    Args:
        path: of the file; it is replaced as a whole.
        entries: all findings, those of the old baseline too.

    Returns:
        How many there are.
    """
    rows = {
        (entry.finding.place.path, entry.object, entry.finding.rule, entry.fingerprint)
        for entry in entries
    }
    findings = [
        {"rule": rule, "object": what, "path": file, "fingerprint": fingerprint}
        for file, what, rule, fingerprint in sorted(rows)
    ]
    write(path, json.dumps({"version": VERSION, "findings": findings}, indent=1) + "\n")
    return len(findings)


def read_baseline(path: Path) -> dict[str, Known]:
    """The entries of a baseline by their fingerprints.

    Raises:
        Misuse: it is not there, or it is no baseline.
    """
    wrong = f"{path} is not a baseline, which `instep check --write-baseline FILE` writes"
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        rows = document["findings"] if document["version"] == VERSION else None
        if rows is None:
            raise Misuse(f"{wrong}: version {document['version']}, not {VERSION}")
        known = [
            Known(*(_word(row[key]) for key in ("fingerprint", "rule", "object", "path")))
            for row in rows
        ]
    except OSError as error:
        raise Misuse(
            f"{path} cannot be read: {error.strerror}; `--write-baseline {path}` makes it"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise Misuse(wrong) from None
    return {one.fingerprint: one for one in known}


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def stale(known: dict[str, Known], seen: set[str], read: set[str], root: Path) -> list[Note]:
    """The entries that are no more.

    Args:
        known: the baseline.
        seen: the fingerprints of all findings.
        read: the paths of all files that were read.
        root: the folder that paths of the baseline are relative to.
    """
    gone = [
        one
        for one in known.values()
        if one.fingerprint not in seen and (one.path in read or not (root / one.path).exists())
    ]
    return [
        Note("stale", f"{one.rule} of {one.object} is in the baseline and no more here", one.path)
        for one in sorted(gone, key=lambda one: (one.path, one.object, one.rule))
    ]
