"""The program under the server that its deployment names: what does a crowd see there?

Two questions that need no model of the program. Does an answer hold a number that counts up? Then
its numbers are judged as `instep prove` does. And does every process give the same answer once one
of them has been told something? Before the telling all answers must have been equal, and each
process must agree with itself, so that a page that shows a time or a process id is not blamed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from instep.races import words
from instep.races.doctor.sentences import capital
from instep.races.doctor.settings import UNBOUNDED, Deployment, counted
from instep.races.exploring.asking import parse
from instep.races.forks import words as fork_words
from instep.races.load import Load, Request, fire, in_turn
from instep.races.prove import Plan, prove, scan
from instep.races.running import environment, running
from instep.races.servers import SERVERS, Cell
from instep.races.verdict import Verdict, Word

MOST_WORKERS, MOST_THREADS = 8, 32
"""What is started on the machine of whoever asks, however large the deployment is."""

COUNTING = 12
"""Requests, one after the other, that show whether an answer counts up."""

SEED = 7
"""Of what is amplified, so that it is the same at the next time."""

SHOWN = 60
"""Characters of an answer that are quoted."""

START = 20.0
"""Seconds until a server must answer."""

PATIENCE = 5.0
"""Seconds that one request may wait for its answer."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A program, and how it is served here.

    Args:
        target: `MODULE:APP`.
        folder: where it runs.
        server: a key of `SERVERS`.
        cell: workers and threads.
        options: more words for the server.
        note: what is different from the deployment, or nothing.
    """

    target: str
    folder: Path
    server: str
    cell: Cell
    options: tuple[str, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        inside = counted(self.cell.threads, SERVERS[self.server].inside)
        return f"{self.server}, {counted(self.cell.workers, 'worker')} x {inside}"


@dataclass(slots=True)
class Seen:
    """What a crowd saw.

    Args:
        request: what was asked.
        what: in a few words, such as `thread race`.
        lines: the whole of it, in sentences.
    """

    request: str
    what: str
    lines: list[str] = field(default_factory=list)


def serving(target: str, folder: Path, deployment: Deployment) -> Serving:
    """How a deployment is tried on this machine."""
    server = deployment.server if deployment.server in SERVERS else "gunicorn"
    if deployment.kind == "greenlet" and server == "gunicorn":
        server = "gunicorn-gevent"
    notes = []
    if deployment.server not in SERVERS:
        notes.append(f"{deployment.server} is not one that is started here; {server} is")
    workers = min(deployment.workers, MOST_WORKERS)
    if deployment.workers == 1 < deployment.replicas:
        workers = min(deployment.replicas, MOST_WORKERS)
        notes.append("replicas are tried as workers")
    threads = MOST_THREADS if deployment.threads >= UNBOUNDED else deployment.threads
    threads = min(threads, MOST_THREADS)
    if workers < deployment.workers:
        notes.append(f"{workers} workers are started, not {deployment.workers}")
    preload = deployment.preload and server.startswith("gunicorn")
    options = ("--preload",) if preload else ()
    cell = Cell(workers if SERVERS[server].workers else 1, threads)
    return Serving(target, folder, server, cell, options, "; ".join(notes))


def counts(case: Serving, request: str) -> bool:
    """Whether the answers to a request hold a number that goes up, asked one at a time."""
    plan = _plan(case, request, clients=1, requests=COUNTING)
    for run in prove(replace(plan, workers=1, threads=1, matrix=False, options=())):
        return run.verdict.word is Word.RIGHT and run.verdict.distinct == COUNTING
    return False


def judged(case: Serving, request: str, *, amplified: bool = False) -> Seen | None:
    """The numbers that a crowd gets; None if nothing was wrong with them.

    Args:
        case: the program under its server.
        request: whose answers hold a number.
        amplified: sleep before accesses of shared state, so that what is rare is seen.
    """
    plan = _plan(case, request, clients=100, requests=100)
    for run in prove(replace(plan, seed=SEED if amplified else None)):
        if run.verdict.word is Word.WRONG and run.verdict.diseases:
            found = " + ".join(run.verdict.diseases)
            found += ", with short sleeps before accesses of shared state" if amplified else ""
            return Seen(request, found, _numbers(run.verdict))
    return None


def left_over(case: Serving) -> list[str]:
    """What was made before the fork and is shared by the workers, in sentences."""
    found = scan(_plan(case, "GET /", clients=1, requests=1))
    return (
        [fork_words.title(found), *fork_words.sentences(found.leftovers)] if found.leftovers else []
    )


def _numbers(verdict: Verdict) -> list[str]:
    """How many there were, who got the same one, and what that shows."""
    got = counted(verdict.distinct, "different number")
    processes = counted(len(verdict.workers), "process", "processes")
    lines = [f"{counted(verdict.answered, 'request')} got {got} from {processes}."]
    for witness in verdict.witnesses:
        if witness.pair:
            whom = " and from process ".join(dict.fromkeys(str(one.pid) for one in witness.pair))
            lines.append(f"Two got the number {witness.pair[0].number}, from process {whom}.")
        lines.append(capital(words.MEANING[witness.disease]))
    return lines


def disagreeing(case: Serving, telling: str, reading: Sequence[str]) -> Seen | None:
    """Whether the processes give different answers after one of them was told something.

    Args:
        case: the program under its server, with more than one process.
        telling: the request that changes something.
        reading: requests that should show the change.
    """
    server = SERVERS[case.server]
    server.require()
    command = partial(server.command, cell=case.cell, options=case.options)
    environ = environment(case.target, None)
    workers = case.cell.workers
    with running(command, environ, chdir=case.folder, workers=workers, patience=START) as live:
        times = 3 * workers
        loads = {each: _load(each) for each in reading}
        before = {request: in_turn(load, live.port, times) for request, load in loads.items()}
        told = fire(replace(_load(telling), clients=1, requests=1), live.port)
        for request, load in loads.items():
            after = in_turn(load, live.port, times)
            if len(set(_bodies(before[request]).values())) == 1 and _differ(after):
                return _told_apart(request, telling, told[0], after)
    return None


def _plan(case: Serving, request: str, *, clients: int, requests: int) -> Plan:
    return Plan(
        case.target,
        server=case.server,
        workers=case.cell.workers,
        threads=case.cell.threads,
        load=replace(_load(request), clients=clients, requests=requests),
        matrix=False,
        chdir=case.folder,
        patience=START,
        options=case.options,
    )


def _load(request: str) -> Load:
    asked = parse(request)
    return Load(
        path=asked.path,
        method=asked.method,
        headers=asked.headers,
        body=asked.body,
        timeout=PATIENCE,
    )


def _bodies(requests: Sequence[Request]) -> dict[int, frozenset[str]]:
    """Each process's answers."""
    found: dict[int, set[str]] = defaultdict(set)
    for request in requests:
        if request.pid is not None:
            found[request.pid].add(f"{request.status} {request.body}")
    return {pid: frozenset(bodies) for pid, bodies in found.items()}


def _differ(requests: Sequence[Request]) -> bool:
    bodies = _bodies(requests)
    return all(len(each) == 1 for each in bodies.values()) and len(set(bodies.values())) > 1


def _told_apart(request: str, telling: str, told: Request, after: Sequence[Request]) -> Seen:
    first = next(each for each in after if each.pid == told.pid or told.pid is None)
    other = next(each for each in after if each.body != first.body or each.status != first.status)
    return Seen(
        request,
        "processes disagree",
        [
            f"{telling} was answered by process {told.pid}; asked afterwards one after the other, "
            f"the processes do not give the same answer to {request}:",
            f"pid {first.pid} answers {_quoted(first)}; pid {other.pid} answers {_quoted(other)}.",
        ],
    )


def _quoted(request: Request) -> str:
    body = " ".join(request.body.split())
    return f"{request.status} {body[:SHOWN] + '…' if len(body) > SHOWN else body}"
