"""Prove: run a program under a real server, once per cell of the matrix, and judge each run."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from instep.errors import Misuse
from instep.races.amplified import Amplified, amplified
from instep.races.diseases import Disease
from instep.races.forks import Scan, scanned
from instep.races.load import Load, Request, fire, in_turn
from instep.races.running import Running, environment, running
from instep.races.servers import SERVERS, Cell, Server
from instep.races.user import logged_in
from instep.races.verdict import Verdict, judge

Progress = Callable[[Cell, int, int], None]
"""Called with the cell, its round from 1, and how many of its requests are over."""


ASKED = 5
"""How often a server is asked, for each of its processes, what they did."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to prove.

    Args:
        target: the program, `MODULE:APP` or `MODULE:FACTORY()`.
        server: a key of `SERVERS`.
        workers: processes in the largest cell.
        threads: threads per process in the largest cell.
        load: what the clients do.
        matrix: also run one by one (the control) and one process with threads.
        rounds: how often each cell is run, each time on a server newly started.
        fresh: give each run an empty store.
        chdir: the folder to run in; modules are looked up there first.
        patience: seconds until a server must answer.
        options: more words for the server's command line, such as `--preload`.
        seed: amplify the program, with draws that come from this number; None leaves it alone.

    Raises:
        Misuse: no such server, a count below one, or options that the server does not take.
    """

    target: str
    server: str = "gunicorn"
    workers: int = 4
    threads: int = 2
    load: Load = field(default_factory=Load)
    matrix: bool = True
    rounds: int = 1
    fresh: bool = False
    chdir: Path = Path()
    patience: float = 20.0
    options: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.server not in SERVERS:
            raise Misuse(f"no server is called {self.server!r}; there are {', '.join(SERVERS)}")
        if min(self.workers, self.threads, self.rounds) < 1:
            raise Misuse("workers, threads and rounds must be at least 1")
        if self.options and not SERVERS[self.server].last:
            raise Misuse(f"{self.server} takes no options of its own")

    @property
    def cells(self) -> list[Cell]:
        """The cells to run, the control first."""
        cells = SERVERS[self.server].cells(self.workers, self.threads)
        return cells if self.matrix else cells[-1:]


@dataclass(frozen=True, slots=True)
class Run:
    """One start of a server, what it was asked, and what that shows.

    Args:
        cell: its workers and threads.
        turn: which round of this cell, from 1.
        requests: in the order in which they began.
        afterwards: some more, made one after the other when each process seemed to count by itself.
        verdict: on those requests.
        printed: the last lines that the server printed.
        forks: what its processes still have from before a fork.
        amplified: what the amplification did, if there was one.
    """

    cell: Cell
    turn: int
    requests: list[Request]
    afterwards: list[Request]
    verdict: Verdict
    printed: str
    forks: Scan = field(default_factory=Scan)
    amplified: Amplified | None = None


def prove(plan: Plan, progress: Progress = lambda cell, turn, done: None) -> Iterator[Run]:
    """Run every cell of the plan, one after the other, and judge it.

    Args:
        plan: what to run.
        progress: called now and then while requests are under way.

    Yields:
        One run per cell and round.

    Raises:
        Misuse: the server is not installed, or did not start with this program; or nobody could
            log in.

    Example:
        >>> plan = Plan("counter_global:app", server="waitress", chdir=Path("examples"))
        >>> [str(run.cell) for run in prove(plan)]
        ['1x1', '1x2']
    """
    server = SERVERS[plan.server]
    server.require()
    for cell in plan.cells:
        for turn in range(1, plan.rounds + 1):
            yield _run(plan, server, cell, turn, partial(progress, cell, turn))


def scan(plan: Plan) -> Scan:
    """Start the largest cell, look for what was made before its fork, and end it.

    Args:
        plan: what to run; gunicorn is told to load the program before it forks.

    Raises:
        Misuse: the server does not fork; or it is not installed, or did not start.
    """
    server, cell = SERVERS[plan.server], plan.cells[-1]
    server.require()
    if cell.workers < 2:
        raise Misuse(f"{plan.server} with one process forks nothing: take more workers")
    early = replace(plan, options=tuple(dict.fromkeys([*plan.options, *server.early])))
    with _store(plan.fresh) as fresh, _running(early, server, cell, fresh) as live:
        return scanned(live.told)


def widest(runs: Iterable[Run]) -> Scan | None:
    """The scan that found the most, if any found something: the cells differ only in workers."""
    scans = [run.forks for run in runs if run.forks.leftovers]
    return max(scans, key=lambda scan: (len(scan.leftovers), scan.processes), default=None)


def _run(plan: Plan, server: Server, cell: Cell, turn: int, progress: Callable[[int], None]) -> Run:
    with _store(plan.fresh) as fresh, _running(plan, server, cell, fresh) as live:
        load = logged_in(plan.load, live.port)
        requests, afterwards = fire(load, live.port, progress), []
        verdict = judge(requests, workers=cell.workers, threads=cell.threads)
        if Disease.PROCESS_STATE in verdict.diseases:
            afterwards = in_turn(load, live.port, 2 * cell.workers + 2)
            verdict = judge(requests, afterwards, workers=cell.workers, threads=cell.threads)
        printed = live.printed(patience=1.0 if verdict.sample else 0.0)
        done = _amplified(plan.seed, live, len(verdict.workers))
        return Run(cell, turn, requests, afterwards, verdict, printed, scanned(live.told), done)


def _amplified(seed: int | None, live: Running, workers: int) -> Amplified | None:
    """Ask the processes again, now that they have slept."""
    if seed is None:
        return None
    pids = set()
    for _ in range(ASKED * workers):
        pids.add(live.greet())
        if len(pids - {None}) >= workers:
            break
    return amplified(seed, [told["amplified"] for told in live.told.values()])


def _running(
    plan: Plan, server: Server, cell: Cell, fresh: Path | None
) -> AbstractContextManager[Running]:
    command = partial(server.command, cell=cell, options=plan.options)
    environ = environment(plan.target, fresh, plan.seed)
    return running(command, environ, chdir=plan.chdir, workers=cell.workers, patience=plan.patience)


@contextmanager
def _store(fresh: bool) -> Iterator[Path | None]:
    """An empty folder for the program's stores, removed when its server has ended."""
    if not fresh:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="instep-fresh-") as path:
        yield Path(path)
