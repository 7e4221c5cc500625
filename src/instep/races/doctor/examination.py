"""The whole examination: read, check, explore, serve; each step bounded, and none stops the next.

How it stays right. The program is read before it is run, and it is run in processes of their own,
in a copy of its folder; what fails there (it raises at import, it hangs, it is killed) becomes a
sentence of the page, and the page is made from what is left.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from instep.errors import InstepError, Misuse
from instep.races.checking import Config, check
from instep.races.doctor.application import Application, application
from instep.races.doctor.confirming import NotRun, confirm
from instep.races.doctor.crowd import crowd
from instep.races.doctor.deployment import deployment, settings_of
from instep.races.doctor.diagnosis import Diagnosis, Stage, Trouble
from instep.races.doctor.effects import interpreter
from instep.races.doctor.sentences import first_and_last
from instep.races.doctor.settings import Deployment, counted
from instep.races.doctor.wishes import requests
from instep.races.doctor.workspace import Workspace, workspace
from instep.races.exploring.asking import parse
from instep.races.servers import SERVERS

Progress = Callable[[str], None]
"""Called with what is being done, in a few words."""

EXPLORING = 0.5
"""The share of the time that exploring may take; the server gets the rest."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What to examine, and how far.

    Args:
        target: `MODULE:APP`; None looks for it.
        root: the project's folder.
        requests: by hand, such as `POST /order {"item": 3}`.
        seconds: that all of it may take.
        run: whether to run it at all.
        in_place: run it in its own folder and not in a copy.
        config: of the check.
        server: says how it is served, where the files do not or are wrong.
        workers: the same.
        threads: the same.
    """

    target: str | None = None
    root: Path = Path()
    requests: tuple[str, ...] = ()
    seconds: float = 60.0
    run: bool = True
    in_place: bool = False
    config: Config | None = None
    server: str | None = None
    workers: int | None = None
    threads: int | None = None


def examine(wanted: Examined, progress: Progress = lambda words: None) -> Diagnosis:
    """Examine a program.

    Args:
        wanted: what, and how far.
        progress: called before each step.

    Raises:
        Misuse: there is nothing to read, or a request that is none.
    """
    deadline = time.monotonic() + wanted.seconds
    for request in wanted.requests:
        parse(request)
    progress("reading the deployment")
    served = _served(wanted)
    diagnosis = Diagnosis(served, interpreter())
    try:
        diagnosis.application = _application(wanted, served)
        diagnosis.not_run = diagnosis.application.blocked
    except Misuse as error:
        if wanted.target:
            raise
        diagnosis.not_run = str(error)
    progress("checking the source")
    _check(diagnosis, wanted)
    if not wanted.run:
        diagnosis.not_run = "you said --no-run"
    if diagnosis.application and not diagnosis.not_run:
        with workspace(wanted.root, in_place=wanted.in_place) as place:
            _run(diagnosis, place, deadline, progress)
    diagnosis.sort()
    return diagnosis


def _served(wanted: Examined) -> Deployment:
    """The deployment, with what was said by hand."""
    found = deployment(wanted.root)
    if (wanted.server, wanted.workers, wanted.threads) == (None, None, None):
        return found
    return replace(
        found,
        server=wanted.server or found.server,
        kind=SERVERS[wanted.server].inside if wanted.server else found.kind,
        workers=wanted.workers or found.workers,
        threads=wanted.threads or found.threads,
        where=f"{found.where}, and as given by hand" if found.where else "as given by hand",
    )


def _application(wanted: Examined, served: Deployment) -> Application:
    variables = {**settings_of(wanted.root), **os.environ}
    return application(wanted.root, served, target=wanted.target, variables=variables)


def _check(diagnosis: Diagnosis, wanted: Examined) -> None:
    begin = time.monotonic()
    report = diagnosis.report = check([wanted.root], config=wanted.config)
    for entries in report.objects():
        made = requests(entries, wanted.root, wanted.requests)
        diagnosis.troubles.append(Trouble(entries[0].object, entries, made))
    said = f"{counted(report.files, 'file')}, {counted(report.lines, 'line')}: "
    said += (
        f"{counted(len(diagnosis.troubles), 'piece')} of state" if report.findings else "nothing"
    )
    if report.broken:
        said += f"; {counted(len(report.broken), 'file')} could not be read: "
        said += ", ".join(f"{one.path}:{one.line}: {one.reason}" for one in report.broken[:3])
    if not report.actors:
        said += "; no view or background job was seen"
    diagnosis.stages.append(Stage("check", said, time.monotonic() - begin))


def _run(diagnosis: Diagnosis, place: Workspace, deadline: float, progress: Progress) -> None:
    """Explore, then serve, with what is left of the time."""
    program = diagnosis.application
    assert program is not None
    inside = replace(program, folder=place.there(str(program.folder.resolve())))
    if not place.copied:
        said = f"the program runs in its own folder: {place.why}"
        diagnosis.stages.append(Stage("copy", said))
    steps: Sequence[tuple[str, float, Callable[..., Stage]]] = (
        ("explore", EXPLORING, confirm),
        ("serve", 1.0, crowd),
    )
    for name, share, step in steps:
        start = time.monotonic()
        progress(f"{name}: {program.target}")
        try:
            limit = start + (deadline - start) * share
            stage = step(diagnosis, inside, place, limit, progress)
        except NotRun as error:
            diagnosis.not_run = str(error)
            return
        except (InstepError, OSError) as error:
            stage = Stage(name, place.here(first_and_last(str(error))), done=False)
        stage.seconds = time.monotonic() - start
        diagnosis.stages.append(stage)
