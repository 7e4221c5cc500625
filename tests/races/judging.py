"""The cases of the race finder, and what is asked of it about each.

A case is a folder with `racy.py` and `sound.py` (or folders with an `app.py` in them): the same
small program, wrong and right. Comments say what is expected:

    # IS110            at the end of a line: that rule must name that line
    # IS110 or IS103   either of them
    # IS130 any        of any severity; without `any`, low is not enough
    # explore: POST /a | POST /b     the two requests that show it, or do not
    # dynamic          they show it also one after the other, by the locks that they hold

`python judging.py check explore` judges all cases in the interpreter that runs it and prints, as
JSON, what is wrong by question and case. The tests do so with every Python that they find.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CASES = Path(__file__).with_name("cases")
MARK = re.compile(r"# (IS\d{3}(?: or IS\d{3})*)( any)?$")
EXPLORE = re.compile(r"^# explore: (.+)$", re.MULTILINE)
HEAVY = (
    "flask.views",
    "werkzeug.test",
    "instep.races.exploring.program",
    "instep.races.reading",
    "instep.races.rules",
    "instep.races.watching.session",
)
DYNAMIC = re.compile(r"^# dynamic$", re.MULTILINE)


@dataclass(frozen=True)
class Mark:
    """A line that must be named, in the file of that name."""

    path: str
    line: int
    rules: frozenset[str]
    any: bool


@dataclass(frozen=True)
class Case:
    """One half of a case: a program that is racy or sound."""

    name: str
    racy: bool
    main: Path

    @property
    def id(self) -> str:
        """Its name for people and parametrised tests."""
        return f"{self.name}-{'racy' if self.racy else 'sound'}"

    @property
    def rule(self) -> str:
        """The rule it is about, such as `IS110`."""
        return self.name[:5].upper()

    @property
    def folder(self) -> Path:
        """What is checked: a module, or the folder of several."""
        return self.main if self.main.name != "app.py" else self.main.parent

    @property
    def module(self) -> str:
        """The name it is imported by."""
        return self.main.stem

    def files(self) -> list[Path]:
        """Its modules."""
        return sorted(self.folder.glob("*.py")) if self.folder.is_dir() else [self.folder]

    def marks(self) -> Iterator[Mark]:
        """The lines that must be named."""
        for path in self.files():
            for number, text in enumerate(path.read_text().splitlines(), 1):
                if found := MARK.search(text):
                    rules = frozenset(found[1].split(" or "))
                    yield Mark(path.name, number, rules, bool(found[2]))

    def requests(self) -> list[str]:
        """Those that show it."""
        found = EXPLORE.search(self.main.read_text())
        return found[1].split(" | ") if found else []

    def dynamic(self) -> bool:
        """Whether the locks of requests one after the other show it."""
        return bool(DYNAMIC.search(self.main.read_text()))


def cases() -> list[Case]:
    """All halves of all cases."""
    found = []
    for folder in sorted(CASES.iterdir()):
        for half in ("racy", "sound"):
            for main in (folder / f"{half}.py", folder / half / "app.py"):
                if main.exists():
                    found.append(Case(folder.name, half == "racy", main))
    return found


def _spots(finding: Any) -> set[tuple[str, int]]:
    """The lines that a finding names, each with its file."""
    places = [finding.place, *finding.writes, *(access.place for access in finding.accesses)]
    places += [also.place for also in finding.also]
    places += [place for place in (finding.read, *(also.read for also in finding.also)) if place]
    return {
        (Path(place.path).name, line)
        for place in places
        for line in range(place.line, max(place.line, place.end_line) + 1)
    }


def check(case: Case) -> list[str]:
    """What `instep check` says wrong of a case.

    Args:
        case: one half.

    Returns:
        A sentence for each fault; none if it is judged rightly.
    """
    from instep.races.reading import read
    from instep.races.rules import find

    findings = find(read([case.folder], root=case.main.parent))
    strong = [finding for finding in findings if finding.severity.value != "low"]
    marks = list(case.marks())
    faults = []
    for mark in marks:
        among = findings if mark.any else strong
        if not any(_names(finding, mark) for finding in among):
            faults.append(f"line {mark.line}: no {' or '.join(sorted(mark.rules))}")
    marked = {(mark.path, mark.line) for mark in marks}
    for finding in strong:
        if not _spots(finding) & marked and not _divergence(finding):
            where = f"{Path(finding.place.path).name}:{finding.place.line}"
            faults.append(f"{finding.rule} ({finding.severity.value}) at {where}: {finding.title}")
    return faults


def _divergence(finding: Any) -> bool:
    """Whether a finding says of a store in memory only that workers do not share it, as is true."""
    return finding.window.value == "processes" and finding.rule in ("IS103", "IS104", "IS105")


def _names(finding: Any, mark: Mark) -> bool:
    """Whether a finding is what a mark asks for."""
    rules = {finding.rule, *(also.rule for also in finding.also)}
    return bool(rules & mark.rules) and (mark.path, mark.line) in _spots(finding)


def run(case: Case) -> list[str]:
    """What goes wrong when the requests of a case are made one after the other."""
    from werkzeug.test import Client

    client = Client(_application(case))
    faults = []
    for request in case.requests():
        method, path = request.split(" ")
        status = client.open(path, method=method).status_code
        if status >= 500:
            faults.append(f"{request}: {status}")
    return faults


def dynamic(case: Case) -> list[str]:
    """What the locks say wrong that are held while the requests are made one after the other."""
    from instep.races.watching.session import Session

    session = Session([case.main.parent])
    session.doors.open()
    faults = run(case)
    found = session.stop()
    strong = [finding for finding in found["findings"] if finding["severity"] != "low"]
    if case.racy and not strong:
        faults.append("not seen")
    if not case.racy:
        faults += [f"{f['rule']} at line {f['line']}: {f['title']}" for f in strong]
    return faults + ([found["error"]] if found["error"] else [])


def explore(case: Case) -> list[str]:
    """What the exploration of the requests says wrong."""
    from instep.races.exploring.plan import Limits
    from instep.races.exploring.program import Question, answered

    few = Limits(random=8)  # what these show, is shown by two preemptions
    question = Question(f"{case.module}:app", case.requests(), chdir=case.main.parent, limits=few)
    (result,) = answered(question)
    if case.racy and not result.violation:
        return [f"no violation among {result.schedules} schedules"]
    if result.violation and not case.racy:
        return list(result.violation.words)
    return []


def _application(case: Case) -> Any:
    """The WSGI application of a case."""
    sys.path.insert(0, str(case.main.parent))
    return importlib.import_module(case.module).app


def alone(judge: Callable[[Case], list[str]], case: Case) -> list[str]:
    """Judge in a forked process, so that one program does not see the modules of another."""
    for module in HEAVY:  # once for all children
        importlib.import_module(module)
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads of the tests
        child = os.fork()
    if not child:
        _judge_and_exit(judge, case, write)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return list(json.loads(said)) if said else ["it died"]


def _judge_and_exit(judge: Callable[[Case], list[str]], case: Case, write: int) -> None:
    """The life of a forked process: in a folder of its own, and without any clean-up."""
    folder = tempfile.mkdtemp()
    try:
        os.chdir(folder)
        said = judge(case)
    except BaseException:
        said = [traceback.format_exc()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    with os.fdopen(write, "w") as pipe:
        json.dump(said, pipe)
    os._exit(0)


JUDGES: dict[str, Callable[[Case], list[str]]] = {
    "check": check,
    "run": run,
    "dynamic": dynamic,
    "explore": explore,
}


def asked(question: str) -> list[Case]:
    """The cases that a question is put to."""
    if question == "check":
        return cases()
    if question == "dynamic":
        return [case for case in cases() if case.dynamic()]
    return [case for case in cases() if case.requests()]


def samples(question: str) -> list[Case]:
    """Some of them, where all take too long: of each rule the first case."""
    first = {case.rule: case.name for case in reversed(asked(question))}
    return [case for case in asked(question) if case.name in first.values()]


def main() -> None:
    """Judge all cases, samples, or those of a rule, and print what is wrong, by question."""
    parser = argparse.ArgumentParser()
    parser.add_argument("questions", nargs="+", choices=JUDGES)
    parser.add_argument("--samples", action="store_true")
    parser.add_argument("--rule", default="")
    options = parser.parse_args()
    wrong: dict[str, dict[str, list[str]]] = {}
    for question in options.questions:
        chosen = samples(question) if options.samples else asked(question)
        told = {
            case.id: alone(JUDGES[question], case) for case in chosen if options.rule in case.rule
        }
        wrong[question] = {name: faults for name, faults in told.items() if faults}
    json.dump(wrong, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
