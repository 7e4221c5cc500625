"""The demo: three small programs, the same clients, four ways to serve; verdicts side by side.

What it says about the outcome is computed from the outcome: whether a plain global survives one
worker depends on the interpreter and on luck, and only this machine knows.
"""

import os
import platform
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from instep.errors import Misuse
from instep.races.diseases import Disease
from instep.races.load import Load
from instep.races.prove import Plan, Run, prove
from instep.races.servers import Cell
from instep.races.verdict import Word

NUMBER = re.compile(r"<strong>(-?\d+)</strong>")
"""Where `examples/templates/index.html` shows the number."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to serve a program."""

    server: str
    cell: Cell

    def __str__(self) -> str:
        workers = f"{self.cell.workers} worker{'s' if self.cell.workers > 1 else ''}"
        inside = "gevent" if self.server == "gunicorn-gevent" else f"{self.cell.threads} threads"
        return f"{workers} x {inside}"


@dataclass(frozen=True, slots=True)
class Result:
    """One program, served in one way, once."""

    program: str
    way: Way
    run: Run


PROGRAMS = {
    "counter_global": "plain global",
    "counter_window": "with a call inside",
    "counter_shared": "shared object",
}
WAYS = (
    Way("gunicorn", Cell(1, 4)),
    Way("gunicorn", Cell(4, 2)),
    Way("gunicorn-gevent", Cell(1, 4)),
    Way("gunicorn-gevent", Cell(4, 4)),
)


def examples() -> Path:
    """The folder with the programs: of the working directory, or of the checkout this is in.

    Raises:
        Misuse: there is none.
    """
    for folder in (Path("examples"), Path(__file__).parents[3] / "examples"):
        if (folder / "counter_shared.py").is_file():
            return folder.resolve()
    raise Misuse(
        "examples/ is not here: the demo runs the programs of a checkout, which an installed "
        "package does not carry. Clone the repository and run `make demo` in it."
    )


def demonstrate(folder: Path, progress: Callable[[str, Way], None]) -> Iterator[Result]:
    """Run every program in every way.

    Args:
        folder: where the programs are.
        progress: called before each run.
    """
    for program in PROGRAMS:
        for way in WAYS:
            progress(program, way)
            (run,) = prove(_plan(folder, program, way))
            yield Result(program, way, run)


def _plan(folder: Path, program: str, way: Way) -> Plan:
    return Plan(
        f"{program}:app",
        server=way.server,
        workers=way.cell.workers,
        threads=way.cell.threads,
        load=Load(number=NUMBER),
        matrix=False,
        fresh=True,
        chdir=folder,
    )


def why(results: Sequence[Result]) -> list[str]:
    """What happened here, and why, in a paragraph per program."""
    return [_plain(results), _window(results), _shared(results)]


def _plain(results: Sequence[Result]) -> str:
    alone = _of(results, "counter_global", many=False)
    many = _of(results, "counter_global", many=True)
    return f"plain global: {_plain_alone(alone)} {_plain_many(many)}"


def _plain_alone(runs: Sequence[Run]) -> str:
    if any(run.verdict.word is not Word.RIGHT for run in runs):
        return (
            f"even one worker handed out {_share(runs)} ({_interpreter()}): its threads came "
            "between the read and the write of `self.param += 1`."
        )
    return (
        f"one worker gave {_share(runs)}, so nothing was seen. That is an accident of "
        f"{_interpreter()}: threads change only at a function's entry, a backward jump or after a "
        "call, and greenlets when they wait; `self.param += 1` does none of these between its read "
        "and its write. Python 3.9 and free-threaded builds make no such gift, and no program "
        "stays that short."
    )


def _plain_many(runs: Sequence[Run]) -> str:
    if any(Disease.PROCESS_STATE in run.verdict.diseases for run in runs):
        return (
            f"Four workers gave {_share(runs)}: each process has a copy of its own and counts by "
            "itself. No lock in the program can help."
        )
    return f"Four workers gave {_share(runs)}; usually each process counts by itself here."


def _window(results: Sequence[Result]) -> str:
    alone = _of(results, "counter_window", many=False)
    return (
        "with a call inside: with 1 ms of other work between read and write, as a database would "
        f"take, one worker gave {_share(alone)}: threads and greenlets read the same value "
        "before any of them had written."
    )


def _shared(results: Sequence[Result]) -> str:
    runs = [result.run for result in results if result.program == "counter_shared"]
    right = sum(run.verdict.word is Word.RIGHT for run in runs)
    answers = sum(run.verdict.answered for run in runs if run.verdict.word is Word.RIGHT)
    bound = f" (0 anomalies in {answers} answers, which is not a proof: see docs/prove.md)"
    return (
        f"shared object: right in {right} of {len(runs)} runs{bound if right else ''}. Each call "
        "is one step on state outside of the processes."
    )


def _of(results: Sequence[Result], program: str, *, many: bool) -> list[Run]:
    return [
        result.run
        for result in results
        if result.program == program and (result.way.cell.workers > 1) is many
    ]


def _share(runs: Sequence[Run]) -> str:
    """How many different numbers were handed out, run by run: `100 and 97 different of 100`."""
    counts = " and ".join(str(run.verdict.distinct) for run in runs)
    return f"{counts} different numbers of {runs[0].verdict.answered}"


def _interpreter() -> str:
    build = " free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return f"{platform.python_implementation()} {platform.python_version()}{build}"


def by_hand(folder: Path) -> list[str]:
    """How to see it in a browser, with the servers of the environment that this runs in."""
    gunicorn = os.path.relpath(Path(sys.executable).parent / "gunicorn", folder)
    return [
        f"cd {os.path.relpath(folder)}",
        f"{gunicorn} --workers 4 --threads 2 counter_shared:app",
        "open http://127.0.0.1:8000/ and reload; then the same with counter_global:app",
    ]
