"""Processor time: what a server's processes have used, and what the whole machine has.

And where it is used: a call that wakes its server on another processor can take twice as long as
one that finds it on the same, so what compares servers, or connections that have processes of
their own, would compare where the scheduler has put them. `together` puts them all in one place.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def used(pid: int) -> dict[int, float]:
    """Seconds of processor time by process: of one, and of all that it has started."""
    seconds: dict[int, float] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for process, parent, spent in _processes():
        seconds[process] = spent
        children[parent].append(process)
    family = [pid]
    for process in family:
        family += children[process]
    return {process: seconds[process] for process in family if process in seconds}


def grown(before: dict[int, float], after: dict[int, float]) -> float:
    """Seconds that were used in between by those that are there at the end."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def busy() -> float:
    """Seconds that the processors of the machine have been at work since it started."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, _idle, _wait, *interrupts = (int(ticks) for ticks in line.split()[1:])
    return (user + nice + system + sum(interrupts[:2])) / _TICK


@contextmanager
def together() -> Iterator[None]:
    """Have this process, and the servers that it has started, share one processor for a while."""
    allowed = os.sched_getaffinity(0)
    _place({max(allowed)})
    try:
        yield
    finally:
        _place(allowed)


def _place(allowed: set[int]) -> None:
    for pid in used(os.getpid()):
        for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.sched_setaffinity(int(task.name), allowed)


def _processes() -> Iterator[tuple[int, int, float]]:
    """The id of each process, its parent's, and its seconds."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        yield int(stat.parent.name), int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICK
