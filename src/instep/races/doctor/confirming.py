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
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from instep.errors import Misuse
from instep.races.checking.document import VERSION, told
from instep.races.checking.report import Entry
from instep.races.doctor.application import Application
from instep.races.doctor.diagnosis import NO_TIME, Certainty, Diagnosis, Stage, Trouble
from instep.races.doctor.settings import counted
from instep.races.doctor.wishes import MOST_PAIRS, brief, pairs
from instep.races.doctor.workspace import Workspace
from instep.races.rules.finding import Window

LEAST = 2.0
"""Seconds below which a pair is not begun."""

MOST = 16.0
"""Seconds for one pair."""

STARTING = 0.5
"""The share of them that is kept for starting, importing the program, and the last schedule."""

HOME = ("GET /", "GET /")
"""Asked if nothing was found, only to see whether the program can be run here."""

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

    Raises:
        NotRun: the program cannot be imported.
    """
    explorer = _Explorer(diagnosis, program, place, deadline, progress)
    troubles = [one for one in diagnosis.troubles if one.requests and _meets(one)]
    if not troubles:
        result = explorer.ran(HOME)
        but = f"; GET / alone: {result}" if isinstance(result, str) else ""
        return Stage("explore", f"nothing that two requests could show{but}")
    for turn in range(MOST_PAIRS):  # the first pair of each, then the second
        for trouble in troubles:
            asked = pairs(trouble)[turn : turn + 1]
            if asked and explorer.left >= LEAST and trouble.certainty is Certainty.POSSIBLE:
                explorer.explore(trouble, asked[0])
    confirmed = sum(one.certainty is Certainty.CONFIRMED for one in troubles)
    if not explorer.explored:
        return Stage("explore", explorer.failed or NO_TIME, done=False)
    words = f"{counted(explorer.explored, 'pair')} of requests: {confirmed} of "
    return Stage("explore", f"{words}{counted(len(troubles), 'piece')} of state confirmed")


def _meets(trouble: Trouble) -> bool:
    """Whether it is something that requests in one process can do to each other."""
    return any(entry.finding.window is not Window.PROCESSES for entry in trouble.entries)


class NotRun(Misuse):
    """The program cannot be imported, which no other request and no server changes."""


@dataclass(slots=True)
class _Explorer:
    """Runs `instep explore`, and keeps how often that went well and why it did not."""

    diagnosis: Diagnosis
    program: Application
    place: Workspace
    deadline: float
    progress: Callable[[str], None]
    explored: int = 0
    failed: str = ""

    @property
    def left(self) -> float:
        """Seconds."""
        return self.deadline - time.monotonic()

    def explore(self, trouble: Trouble, pair: tuple[str, str]) -> None:
        """Explore one pair of requests; what comes out is kept in the trouble."""
        self.progress(f"explore: {trouble.name}: {_names(pair)}")
        first: list[str] = []
        result = self.ran(pair, trouble.entries)
        if isinstance(result, dict) and _missing(result):  # what it is about is not there yet
            first = _making(self.diagnosis, trouble, pair)
            again = self.ran(pair, trouble.entries, first) if first else ""
            result = again if isinstance(again, dict) else result
        if isinstance(result, str):
            self.failed = self.failed or result
            trouble.notes.append(f"{_names(pair)} could not be explored: {result}")
            return
        _learn(trouble, pair, result, [self.program.target, *pair, *_firsts(first)])
        if result["verdict"] == "not run":
            self.failed = self.failed or trouble.notes[-1]
        else:
            self.explored += 1

    def ran(
        self, pair: tuple[str, str], entries: Sequence[Entry] = (), first: Sequence[str] = ()
    ) -> dict[str, Any] | str:
        """What `instep explore --json` says of a pair; text if it could not.

        Raises:
            NotRun: the program cannot be imported.
        """
        limit = min(MOST, max(self.left, LEAST))
        seconds = limit * (1 - STARTING)
        command = [sys.executable, "-m", "instep.cli", "explore", self.program.target, *pair]
        command += ["--json", "--seconds", f"{seconds:g}", *_firsts(first)]
        with tempfile.TemporaryDirectory(prefix="instep-doctor-") as folder:
            if entries:
                candidates = Path(folder, "check.json")
                findings = [_moved(told(entry), self.place) for entry in entries]
                candidates.write_text(json.dumps({"version": VERSION, "findings": findings}))
                command += ["--candidates-from", str(candidates)]
            else:
                command += ["--schedules", "1", "--random", "0"]
            printed, complaint = _ran(command, self.program.folder, limit)
        return self._read(printed, complaint)

    def _read(self, printed: str, complaint: str) -> dict[str, Any] | str:
        try:
            result = json.loads(printed)
        except ValueError:
            lines = complaint.strip().splitlines() or ["it said nothing"]
            ours = (line for line in lines if line.startswith("instep itself failed"))
            return next(ours, lines[-1])
        if "error" in result:
            said = self.place.here(str(result["error"]).strip().splitlines()[0])
            if said.startswith(self.program.target):
                missing = "NotFoundError" in said  # a module, or a package's metadata
                raise NotRun(said + ("; install it into this environment" if missing else ""))
            return said
        return dict(result["explorations"][0])


def _missing(result: dict[str, Any]) -> bool:
    """Whether a request was answered with 404, alone and before anything else."""
    return any("fails already alone: 404" in note for note in result["notes"])


def _making(diagnosis: Diagnosis, trouble: Trouble, pair: tuple[str, str]) -> list[str]:
    """A request that makes what the pair is about: the state's own, or another's."""
    every = [*trouble.requests, *(each for one in diagnosis.troubles for each in one.requests)]
    return [each for each in every if each.startswith("POST") and each not in pair][:1]


def _firsts(first: Sequence[str]) -> list[str]:
    return [word for request in first for word in ("--first", request)]


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
        return "", f"it did not end within {seconds:.0f} s: it waits, or is slow"
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
) -> None:
    """Keep what came out of what was asked."""
    violation = result["violation"]
    if not violation:
        found = f"{_names(pair)}: nothing wrong in {counted(result['schedules'], 'schedule')}"
        said = [_short(note) for note in result["notes"][:1]]
        if result["verdict"] != "not run":
            said = [found, *said]
        trouble.notes.append("; ".join(said))
        return
    trouble.certainty = Certainty.CONFIRMED
    one, other = map(brief, pair)
    who = f"A and B both ask {one}." if pair[0] == pair[1] else f"A asks {one}; B asks {other}."
    steps = ["Step by step, in the order of time:", *_story(violation["story"])]
    trouble.story = [who, *violation["words"], *steps]
    trouble.replay = shlex.join(["instep", "explore", *asked, "--replay", violation["replay"]])


def _short(note: str) -> str:
    """A warning of an exploration, without the page that an error came with."""
    request, alone, answer = note.partition(" fails already alone: ")
    if alone:
        said = shorten(answer.rpartition("; ")[0].partition("<")[0], 110, placeholder=" …")
        header = ' that has -H "Authorization: …"' if said[:3] in ("401", "403") else ""
        return f"{brief(request)} alone is answered {said}; give one{header} with --request"
    return shorten(note, 160, placeholder=" …")


def _names(pair: tuple[str, str]) -> str:
    one, other = map(brief, pair)
    return f"{one} twice at once" if pair[0] == pair[1] else f"{one} beside {other}"


def _story(lines: list[dict[str, Any]]) -> list[str]:
    """The interleaving, a line for each step that matters, the requests in columns of their own."""
    shown = []
    for line in lines[:LONGEST]:
        at = f"{Path(line['path']).name}:{line['line']}" if line["path"] else ""
        indent = "        " if line["request"] == "B" else ""
        value = f": {line['value']}" if line["value"] else ""
        shown.append(f"{indent}{line['request']}  {at}  {line['what']} {line['subject']}{value}")
    return shown if len(lines) <= LONGEST else [*shown, f"… and {len(lines) - LONGEST} more steps"]
