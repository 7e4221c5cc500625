"""`instep check` from outside: the processor's time and the memory of the whole command.

Each run is a fresh process, so the interpreter's start, the imports and the report are part of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.finder.programs import program
from benchmarks.pace import Finder

LIBRARY = "asyncio concurrent ctypes email http importlib json logging multiprocessing unittest xml"
"""Packages of the standard library: sources that nobody generated, by many hands."""

RUN = """
import atexit, re, sys
from pathlib import Path
def tell():
    status = Path("/proc/self/status").read_text()
    print("", re.search(r"VmHWM:\\s+(\\d+)", status)[1], file=sys.stderr)
atexit.register(tell)
from instep.cli import main
main()
"""
"""The command, which tells at its end how many kB were resident at most: what `wait4` tells is no
less than what the process that has forked it had."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What one program took.

    Args:
        name: of the program.
        size: that was asked for, in lines; 0 if it was not generated.
        lines: that were read.
        seconds: of the processor, the median of the rounds.
        least: likewise, the fastest.
        memory: the most that was resident, in MB.
    """

    name: str
    size: int
    lines: int
    seconds: float
    least: float
    memory: float


def run(pace: Finder, folder: Path) -> list[Checked]:
    """Check every program."""
    return [
        _checked(name, size, paths, pace.rounds) for name, size, paths in _programs(pace, folder)
    ]


def _programs(pace: Finder, folder: Path) -> Iterator[tuple[str, int, list[Path]]]:
    library = Path(sysconfig.get_path("stdlib"))
    yield "standard library, a part", 0, [library / name for name in LIBRARY.split()]
    for size in pace.sizes:
        place = folder / f"program-{size}"
        lines = program(place, size)
        yield f"generated, {lines:,} lines", size, [place]


def _checked(name: str, size: int, paths: list[Path], rounds: int) -> Checked:
    lines = sum(
        file.read_bytes().count(b"\n") for path in paths for file in sorted(path.rglob("*.py"))
    )
    spent, memory = zip(*(_once(paths) for _ in range(rounds)), strict=True)
    return Checked(name, size, lines, median(spent), min(spent), max(memory))


def _once(paths: list[Path]) -> tuple[float, float]:
    """Seconds of the processor and MB that one run takes."""
    command = [sys.executable, "-c", RUN, "check", "--exit-zero", *map(str, paths)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said}")
    resident = int(said.rpartition(" ")[2])
    return usage.ru_utime + usage.ru_stime, resident / 1000
