"""A diagnosis as plain data: what `instep doctor --json` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from instep.races.checking.document import told
from instep.races.doctor.diagnosis import Diagnosis, Trouble

VERSION = 1


def document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The whole page, for machines; keys of version 1 stay."""
    deployment, application = diagnosis.deployment, diagnosis.application
    report = diagnosis.report
    return {
        "version": VERSION,
        "worry": str(diagnosis.worry),
        "interpreter": diagnosis.interpreter,
        "target": application.target if application else None,
        "deployment": {**asdict(deployment), "assumed": deployment.assumed},
        "not_run": diagnosis.not_run,
        "troubles": [_trouble(diagnosis, trouble) for trouble in diagnosis.troubles],
        "stages": [asdict(stage) for stage in diagnosis.stages],
        "leftovers": diagnosis.leftovers,
        "files": report.files if report else 0,
        "lines": report.lines if report else 0,
    }


def _trouble(diagnosis: Diagnosis, trouble: Trouble) -> dict[str, Any]:
    alone, deployed = trouble.effects(diagnosis.deployment)
    return {
        "name": trouble.name,
        "certainty": str(trouble.certainty),
        "breaks": diagnosis.breaks(trouble),
        "requests": list(trouble.requests),
        "story": trouble.story,
        "replay": trouble.replay,
        "seen": trouble.seen,
        "notes": trouble.notes,
        "alone": asdict(alone),
        "deployed": asdict(deployed),
        "findings": [told(entry) for entry in trouble.entries],
    }
