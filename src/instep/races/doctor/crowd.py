"""The last step: a crowd of clients at the server that the deployment names."""

from __future__ import annotations

import time
from collections.abc import Callable

from instep.errors import InstepError
from instep.races.doctor.application import Application
from instep.races.doctor.diagnosis import Certainty, Diagnosis, Stage, Trouble
from instep.races.doctor.effects import IN_MEMORY
from instep.races.doctor.sentences import first_and_last
from instep.races.doctor.serving import (
    Seen,
    Serving,
    counts,
    disagreeing,
    judged,
    left_over,
    serving,
)
from instep.races.doctor.settings import counted
from instep.races.doctor.wishes import CHANGING
from instep.races.doctor.workspace import Workspace

LEAST = 5.0
"""Seconds that must be left to start a server once more."""


def crowd(
    diagnosis: Diagnosis,
    program: Application,
    place: Workspace,
    deadline: float,
    progress: Callable[[str], None],
) -> Stage:
    """Ask for each trouble what a crowd can see of it, worst first, while there is time.

    Args:
        diagnosis: whose troubles learn what was seen.
        program: the application, in the folder it is run in.
        place: where the project is run.
        deadline: by `time.monotonic`.
        progress: called before each start of a server.

    Returns:
        What was done.
    """
    case = serving(program.target, program.folder, diagnosis.deployment)
    if diagnosis.deployment.preload and case.cell.workers > 1:
        progress(f"serve: what was made before the fork under {case}")
        diagnosis.leftovers = left_over(case, deadline)
        for trouble in diagnosis.troubles:
            trouble.seen = [line for line in diagnosis.leftovers if f" {trouble.name} " in line]
            trouble.certainty = Certainty.SEEN if trouble.seen else trouble.certainty
    troubles = [one for one in diagnosis.troubles if one.requests]
    if not troubles:
        return Stage("serve", "nothing that requests could show")
    known: dict[tuple[str, ...], Seen | None] = {}
    tried, failed = 0, ""
    for trouble in troubles:
        if deadline - time.monotonic() < LEAST:
            break
        progress(f"serve: {trouble.name} under {case}")
        try:
            meets = trouble.effects(diagnosis.deployment)[1].meet
            seen = _look(case, trouble, deadline, known, amplified=meets)
        except InstepError as error:
            failed = place.here(first_and_last(str(error)))
            break
        tried += 1
        if seen is not None:
            trouble.certainty = Certainty.SEEN
            trouble.seen = [f"{seen.request} under {case}: {seen.what}", *seen.lines]
    return Stage("serve", _said(case, troubles, tried, failed), done=not failed)


def _look(
    case: Serving,
    trouble: Trouble,
    deadline: float,
    known: dict[tuple[str, ...], Seen | None],
    *,
    amplified: bool,
) -> Seen | None:
    """One trouble: numbers first, then whether the processes agree; the same is asked once."""
    first = trouble.requests[0]
    if (first,) not in known:
        numbered = counts(case, first, deadline)
        known[(first,)] = _numbers(case, first, deadline, amplified) if numbered else None
    memory = trouble.entry.finding.location.root in IN_MEMORY
    if known[(first,)] is not None or case.cell.workers < 2 or not memory:
        return known[(first,)]
    reading = [each for each in trouble.requests if not each.startswith(CHANGING)]
    asked = (first, *reading)
    if asked not in known:
        left = deadline - time.monotonic() > LEAST
        known[asked] = disagreeing(case, first, reading, deadline) if reading and left else None
    return known[asked]


def _numbers(case: Serving, request: str, deadline: float, amplified: bool) -> Seen | None:
    """As they come; and if nothing is wrong with them amplified, unless the window is latent.

    Amplified, a window that this interpreter keeps closed opens, which would show nothing of it.
    """
    seen = judged(case, request, deadline)
    if seen is None and amplified and deadline - time.monotonic() > LEAST:
        return judged(case, request, deadline, amplified=True)
    return seen


def _said(case: Serving, troubles: list[Trouble], tried: int, failed: str) -> str:
    if failed:
        return f"{case}: {failed}"
    wrong = sum(trouble.certainty is Certainty.SEEN for trouble in troubles)
    words = f"{case}: {wrong} of {counted(tried, 'piece')} of state gave wrong answers"
    if tried < len(troubles):
        words += f"; {len(troubles) - tried} not tried, the time was over"
    return f"{words}; {case.note}" if case.note else words
