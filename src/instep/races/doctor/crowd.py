"""The last step: a crowd of clients at the server that the deployment names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from instep.errors import InstepError
from instep.races.doctor.application import Application
from instep.races.doctor.diagnosis import NO_TIME, Certainty, Diagnosis, Stage, Trouble
from instep.races.doctor.effects import IN_MEMORY
from instep.races.doctor.limits import TimeOver, within
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
from instep.races.doctor.wishes import CHANGING, brief
from instep.races.doctor.workspace import Workspace

LEAST = 4.0
"""Seconds that must be left to start a server once more."""

SHARE = 0.5
"""Of what is left, what one piece of state may take: a view that hangs is not all there is."""

ENDING = 1.5
"""Seconds that are kept for ending a server."""

Known = dict[tuple[str, ...], Seen | None]


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
    troubles = [one for one in diagnosis.troubles if one.requests]
    try:
        if diagnosis.deployment.preload and case.cell.workers > 1:
            progress(f"serve: what was made before the fork under {case}")
            _before_the_fork(diagnosis, case, _left(deadline))
        ended = list(_asked(diagnosis, case, troubles, deadline, progress))
    except InstepError as error:
        said = place.here(first_and_last(str(error)))
        return Stage("serve", f"{case}: {said}", done=False)
    if not troubles and not diagnosis.leftovers:
        return Stage("serve", "nothing that requests could show")
    said = _said(case, troubles, ended) if ended or not troubles else f"{case}: {NO_TIME}"
    return Stage("serve", said, done=bool(ended) or not troubles)


def _asked(
    diagnosis: Diagnosis,
    case: Serving,
    troubles: list[Trouble],
    deadline: float,
    progress: Callable[[str], None],
) -> Iterator[bool]:
    """Whether each trouble for which there was time came to an end."""
    known: Known = {}
    for trouble in troubles:
        if (left := _left(deadline)) < LEAST:
            return
        progress(f"serve: {trouble.name} under {case}")
        limit = left if trouble is troubles[-1] else max(LEAST, left * SHARE)
        yield _ask(diagnosis, case, trouble, limit, known)


def _left(deadline: float) -> float:
    return deadline - time.monotonic() - ENDING


def _before_the_fork(diagnosis: Diagnosis, case: Serving, seconds: float) -> None:
    """What the workers share from before they were forked."""
    try:
        with within(seconds):
            diagnosis.leftovers = left_over(case)
    except TimeOver:
        return
    for trouble in diagnosis.troubles:
        trouble.seen = [line for line in diagnosis.leftovers if f" {trouble.name} " in line]
        trouble.certainty = Certainty.SEEN if trouble.seen else trouble.certainty


def _ask(
    diagnosis: Diagnosis, case: Serving, trouble: Trouble, seconds: float, known: Known
) -> bool:
    """One trouble; what was seen of it is kept in it. Whether that came to an end in time."""
    meets = trouble.effects(diagnosis.deployment)[1].meet
    try:
        with within(seconds):
            seen = _look(case, trouble, known, amplified=meets)
    except TimeOver:
        trouble.notes.append(
            f"{brief(trouble.requests[0])} under {case}: no end within {seconds:.0f} s"
        )
        return False
    if seen is not None:
        trouble.certainty = Certainty.SEEN
        trouble.seen = [f"{brief(seen.request)} under {case}: {seen.what}", *seen.lines]
    return True


def _look(case: Serving, trouble: Trouble, known: Known, *, amplified: bool) -> Seen | None:
    """Numbers first, then whether the processes agree; the same is asked once."""
    first = trouble.requests[0]
    if (first,) not in known:
        known[(first,)] = _numbers(case, first, amplified) if counts(case, first) else None
    memory = trouble.entry.finding.location.root in IN_MEMORY
    if known[(first,)] is not None or case.cell.workers < 2 or not memory:
        return known[(first,)]
    reading = [each for each in trouble.requests if not each.startswith(CHANGING)]
    asked = (first, *reading)
    if asked not in known:
        known[asked] = disagreeing(case, first, reading) if reading else None
    return known[asked]


def _numbers(case: Serving, request: str, amplified: bool) -> Seen | None:
    """As they come; and if nothing is wrong with them amplified, unless the window is latent.

    Amplified, a window that this interpreter keeps closed opens, which would show nothing of it.
    """
    seen = judged(case, request)
    return judged(case, request, amplified=True) if seen is None and amplified else seen


def _said(case: Serving, troubles: list[Trouble], ended: list[bool]) -> str:
    wrong = sum(trouble.certainty is Certainty.SEEN for trouble in troubles)
    words = f"{case}: {wrong} of {counted(len(ended), 'piece')} of state gave wrong answers"
    if slow := ended.count(False):
        words += f"; of {slow} no answer came in time"
    if rest := len(troubles) - len(ended):
        words += f"; {rest} not tried, the time was over"
    return f"{words}; {case.note}" if case.note else words
