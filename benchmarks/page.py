"""The Flask page under gunicorn: what a visitor notices of where the number is kept.

All servers are up all the time; the load goes to one of them at a time, in short rounds. Beside the
requests per second stands the processor time that the web server's processes spent on each: it
moves less with what else the machine does.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.pace import Pace
from benchmarks.pages import COUNTS, MANAGER, PLAIN, REDIS, SQLITE
from benchmarks.peers import Row
from instep.errors import StoreError
from instep.races.load import Load, Outcome, fire
from instep.races.running import Running, environment, running
from instep.races.servers import HOST, SERVERS
from instep.races.servers import Cell as Server

WORKERS, THREADS, CLIENTS = 2, 4, 32
_ROOT = Path(__file__).parent.parent
_PATIENCE = 30.0  # seconds for a server to answer
_TICK = 1e6 / os.sysconf("SC_CLK_TCK")  # microseconds

Shoot = Callable[[int, float], tuple[int, float]]
"""A port and seconds to the requests that were answered, and the seconds that they took."""


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of one program.

    Args:
        rate: requests per second.
        cpu: processor time of the server per request, in microseconds.
    """

    rate: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Served:
    """What one program did.

    Args:
        name: where it counts.
        rounds: its turns.
        rate: requests per second, the median over the rounds.
        cpu: microseconds of processor time per request, likewise.
        ratio: of the rate to the plain global's, the median of the rounds' ratios.
    """

    name: str
    rounds: list[Round]
    rate: float
    cpu: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Pages:
    """Every program, and what sent the requests."""

    load: str
    served: list[Served]


def run(pace: Pace, folder: Path, redis_port: int | None, manager: str) -> Pages:
    """Start every server, then load them in turn."""
    where = {name: str(folder / f"page-{place}") for place, name in enumerate(COUNTS)}
    where |= {MANAGER: manager, REDIS: str(redis_port or "")}
    names = [name for name in COUNTS if name != REDIS or redis_port]
    Row(Path(where[SQLITE])).close()  # made first: SQLite cannot be switched to WAL by many at once
    load, shoot = _shooter()
    rounds: dict[str, list[Round]] = {name: [] for name in names}
    with ExitStack() as up:
        servers = {name: _serve(up, name, where[name]) for name in names}
        for server in servers.values():
            shoot(server.port, pace.page)  # warms up
        for turn in range(pace.pages):
            start = turn % len(names)
            for name in names[start:] + names[:start]:
                rounds[name].append(_round(servers[name], shoot, pace.page))
    return Pages(load, [_served(name, rounds) for name in names])


def _served(name: str, rounds: dict[str, list[Round]]) -> Served:
    mine = rounds[name]
    ratios = [a.rate / b.rate for a, b in zip(mine, rounds[PLAIN], strict=True)]
    rate, cpu = median(one.rate for one in mine), median(one.cpu for one in mine)
    return Served(name, mine, rate, cpu, median(ratios))


def _serve(up: ExitStack, name: str, where: str) -> Running:
    def command(port: int) -> list[str]:
        return SERVERS["gunicorn"].command(port, cell=Server(WORKERS, THREADS))

    variables = environment(f"benchmarks.pages:page({name!r}, {where!r})", None)
    server = running(command, variables, chdir=_ROOT, workers=WORKERS, patience=_PATIENCE)
    return up.enter_context(server)


def _round(server: Running, shoot: Shoot, seconds: float) -> Round:
    before = sum(_ticks(server.pid))
    answered, took = shoot(server.port, seconds)
    spent = sum(_ticks(server.pid)) - before
    return Round(answered / took, spent * _TICK / answered)


def _ticks(group: int) -> Iterator[int]:
    """The processor time that each process of a group has used, user and system."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[2]) == group:
            yield int(fields[11]) + int(fields[12])


def _shooter() -> tuple[str, Shoot]:
    if shutil.which("wrk"):
        return "wrk", _wrk
    return "instep's own clients, which take their share of the processors", _own


def _wrk(port: int, seconds: float) -> tuple[int, float]:
    # wrk counts in whole seconds; interrupted earlier, it reports what it has.
    command = ["wrk", "--threads", "1", "--connections", str(CLIENTS), "--duration", "60s"]
    url = f"http://{HOST}:{port}/"
    process = subprocess.Popen([*command, url], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(seconds)
    finally:
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate()
    found = re.search(r"(\d+) requests in", printed)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", printed)
    if found is None or rate is None or re.search("Non-2xx|Socket errors", printed):
        raise StoreError(f"the page failed under load:\n{printed}")
    return int(found[1]), int(found[1]) / float(rate[1])


def _own(port: int, seconds: float) -> tuple[int, float]:
    """Rounds of so many requests as fill the time."""
    load = Load(clients=8, requests=400, number=re.compile(r"<strong>(\d+)"))
    done, start = 0, time.monotonic()
    while time.monotonic() < start + seconds:
        answers = fire(load, port)
        if any(answer.outcome is not Outcome.ANSWERED for answer in answers):
            raise StoreError(f"the page failed under load: {answers[0].body}")
        done += len(answers)
    return done, time.monotonic() - start
