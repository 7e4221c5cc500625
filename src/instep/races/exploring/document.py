"""An exploration as plain data, for machines: what `instep explore --json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from instep.races.exploring.judging import letter, relative
from instep.races.exploring.plan import Exploration, Run, Violation
from instep.races.exploring.replaying import source

VERSION = 1


def document(target: str, results: Sequence[Exploration]) -> dict[str, Any]:
    """Everything that was found."""
    return {
        "version": VERSION,
        "target": target,
        "verdict": verdict(results),
        "explorations": [_exploration(result) for result in results],
    }


def verdict(results: Sequence[Exploration]) -> str:
    """Of all together: `wrong` if one is, `not run` if all are."""
    found = {result.verdict for result in results}
    return next(word for word in ("wrong", "right", "not run") if word in found)


def _exploration(result: Exploration) -> dict[str, Any]:
    return {
        "requests": list(result.calls),
        "verdict": result.verdict,
        "violation": _violation(result.violation) if result.violation else None,
        "schedules": result.schedules,
        "random": result.randoms,
        "complete": result.complete,
        "preemptions": result.limits.preemptions,
        "accesses": result.accesses,
        "steps": result.steps,
        "candidates": [{"path": relative(p), "line": line} for p, line in result.candidates],
        "shared": list(result.shared),
        "confirmed": list(result.confirmed),
        "orders": {
            "".join(map(letter, order)): run.outcome["answers"]
            for order, run in result.orders.items()
        },
        "notes": result.warnings,
        "seconds": round(result.seconds, 3),
    }


def _violation(violation: Violation) -> dict[str, Any]:
    return {
        "kind": violation.kind,
        "window": "latent" if violation.latent else "exposed",
        "words": list(violation.words),
        "replay": violation.replay,
        "answers": violation.run.outcome["answers"],
        "afterwards": violation.run.outcome["then"],
        "state": violation.run.outcome["words"],
        "story": _story(violation.run),
    }


def _story(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "request": letter(line.actor),
            "what": line.what,
            "path": relative(line.path),
            "line": line.line,
            "source": source(line),
            "subject": line.subject,
            "value": line.value,
        }
        for line in run.story
    ]
