"""The second step: is there an interleaving of two requests that gives wrong answers?

Each pair is explored by `instep explore` in a process of its own, so that whatever the program does
(print, hang, exit, be killed) reaches nobody else, and so that its import is over before a fork.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from instep.races.checking.document import VERSION, told
from instep.races.doctor.application import Application
from instep.races.doctor.diagnosis import Certainty, Diagnosis, Stage, Trouble
from instep.races.doctor.settings import counted
from instep.races.doctor.wishes import pairs
from instep.races.doctor.workspace import Workspace
from instep.races.rules.finding import Window

LEAST = 1.0
"""Seconds below which a pair is not begun."""

SLACK = 5.0
"""Seconds that a process may take beside its exploring: to start, and to import the program."""

MOST = 10.0
"""Seconds for one pair."""

LONGEST = 14
"""Steps of a story that are shown here; the replay shows all."""


def confirm(
    diagnosis: Diagnosis,
    program: Application,
    place: Workspace,
    deadline: float,
    progress: Callable[[str], None],
) -> Stage:
    """Explore pairs of requests for each trouble, worst first, while there is time.

    Args:
        diagnosis: whose troubles learn what was confirmed.
        program: the application, in the folder it is run in.
        place: where the project is run.
        deadline: by `time.monotonic`.
        progress: called before each pair.

    Returns:
        What was done.
    """
    troubles = [one for one in diagnosis.troubles if one.requests and _meets(one)]
    if not troubles:
        return Stage("explore", "nothing that two requests could show", done=True)
    explored, failed = 0, ""
    for trouble in troubles:
        for pair in pairs(trouble):
            if deadline - time.monotonic() < LEAST:
                break
            progress(f"explore: {trouble.name}: {_names(pair)}")
            first: list[str] = []
            result = _explored(trouble, pair, program, place, deadline)
            if isinstance(result, dict) and _missing(result):  # what it is about is not there yet
                first = _making(diagnosis, trouble, pair)
                again = _explored(trouble, pair, program, place, deadline, first) if first else ""
                result = again if isinstance(again, dict) else result
            if isinstance(result, str):
                failed = result
                trouble.notes.append(f"{_names(pair)} could not be explored: {result}")
                if "cannot be imported" in result:  # no other request changes that
                    return Stage("explore", result, done=False)
                continue
            explored += 1
            if _learn(trouble, pair, result, [program.target, *pair, *_firsts(first)]):
                break
    confirmed = sum(one.certainty is Certainty.CONFIRMED for one in troubles)
    if not explored:
        return Stage("explore", failed or "there was no time", done=False)
    said = (
        f"{counted(explored, 'pair')} of requests: {confirmed} of {counted(len(troubles), 'piece')}"
    )
    return Stage("explore", f"{said} of state confirmed")


def _missing(result: dict[str, Any]) -> bool:
    """Whether a request was answered with 404, alone and before anything else."""
    return any("fails already alone: 404" in note for note in result["notes"])


def _making(diagnosis: Diagnosis, trouble: Trouble, pair: tuple[str, str]) -> list[str]:
    """A request that makes what the pair is about: the state's own, or another's."""
    every = [*trouble.requests, *(each for one in diagnosis.troubles for each in one.requests)]
    return [each for each in every if each.startswith("POST") and each not in pair][:1]


def _firsts(first: Sequence[str]) -> list[str]:
    return [word for request in first for word in ("--first", request)]


def _meets(trouble: Trouble) -> bool:
    """Whether it is something that requests in one process can do to each other."""
    return any(entry.finding.window is not Window.PROCESSES for entry in trouble.entries)


def _explored(
    trouble: Trouble,
    pair: tuple[str, str],
    program: Application,
    place: Workspace,
    deadline: float,
    first: Sequence[str] = (),
) -> dict[str, Any] | str:
    """What `instep explore --json` says of a pair; text if it could not."""
    seconds = min(MOST, max(LEAST, deadline - time.monotonic()))
    with tempfile.TemporaryDirectory(prefix="instep-doctor-") as folder:
        candidates = Path(folder, "check.json")
        findings = [_moved(told(entry), place) for entry in trouble.entries]
        candidates.write_text(json.dumps({"version": VERSION, "findings": findings}))
        command = [sys.executable, "-m", "instep.cli", "explore", program.target, *pair, "--json"]
        command += _firsts(first)
        command += ["--seconds", f"{seconds:g}", "--candidates-from", str(candidates)]
        printed, complaint = _ran(command, program.folder, seconds + SLACK)
    try:
        result = json.loads(printed)
    except ValueError:
        lines = complaint.strip().splitlines() or ["it said nothing"]
        return next((line for line in lines if line.startswith("instep itself failed")), lines[-1])
    if "error" in result:
        return place.here(str(result["error"]).strip().splitlines()[0])
    return dict(result["explorations"][0])


def _ran(command: list[str], folder: Path, seconds: float) -> tuple[str, str]:
    """What a command prints; it is ended with all that it has forked when the time is over."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return "", f"it did not end within {seconds:g} s"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _moved(finding: dict[str, Any], place: Workspace) -> dict[str, Any]:
    """A finding whose places are where the program is run."""
    sites = [{**site, "path": str(place.there(site["path"]))} for site in finding["sites"]]
    return {**finding, "path": str(place.there(finding["path"])), "sites": sites}


def _learn(
    trouble: Trouble, pair: tuple[str, str], result: dict[str, Any], asked: Sequence[str]
) -> bool:
    """Keep what came out of what was asked; true if a violation was found."""
    violation = result["violation"]
    if not violation:
        schedules = counted(result["schedules"], "schedule")
        found = f"{_names(pair)}: no violation among {schedules}"
        trouble.notes += [f"{found}; {_short(note)}" for note in result["notes"][:1]] or [found]
        return False
    trouble.certainty = Certainty.CONFIRMED
    trouble.story = [f"{_names(pair)}:", *violation["words"], *_story(violation["story"])]
    trouble.replay = shlex.join(["instep", "explore", *asked, "--replay", violation["replay"]])
    return True


def _short(note: str) -> str:
    """A warning of an exploration, without the page that an error came with."""
    request, alone, answer = note.partition(" fails already alone: ")
    if alone:
        return f"{request} alone is answered {answer[:3]}: give a better one with --request"
    return note.replace("\n", " ")[:160]


def _names(pair: tuple[str, str]) -> str:
    return f"{pair[0]} twice at once" if pair[0] == pair[1] else f"{pair[0]} beside {pair[1]}"


def _story(lines: list[dict[str, Any]]) -> list[str]:
    """The interleaving, a line for each step that matters, the requests in columns of their own."""
    shown = []
    for line in lines[:LONGEST]:
        at = f"{Path(line['path']).name}:{line['line']}" if line["path"] else ""
        indent = "        " if line["request"] == "B" else ""
        value = f": {line['value']}" if line["value"] else ""
        shown.append(f"{indent}{line['request']}  {at}  {line['what']} {line['subject']}{value}")
    return shown if len(lines) <= LONGEST else [*shown, f"… and {len(lines) - LONGEST} more steps"]
