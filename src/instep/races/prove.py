"""Prove: run a program under a real server, once per cell of the matrix, and judge each run."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from instep.errors import Misuse
from instep.races.diseases import Disease
from instep.races.load import Load, Request, fire, in_turn
from instep.races.running import Running, environment, running
from instep.races.servers import SERVERS, Cell, Server
from instep.races.user import logged_in
from instep.races.verdict import Verdict, judge

Progress = Callable[[Cell, int, int], None]
"""Called with the cell, its round from 1, and how many of its requests are over."""


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
    """

    cell: Cell
    turn: int
    requests: list[Request]
    afterwards: list[Request]
    verdict: Verdict
    printed: str


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


def _run(plan: Plan, server: Server, cell: Cell, turn: int, progress: Callable[[int], None]) -> Run:
    with _store(plan.fresh) as fresh, _running(plan, server, cell, fresh) as live:
        load = logged_in(plan.load, live.port)
        requests, afterwards = fire(load, live.port, progress), []
        verdict = judge(requests, workers=cell.workers, threads=cell.threads)
        if Disease.PROCESS_STATE in verdict.diseases:
            afterwards = in_turn(load, live.port, 2 * cell.workers + 2)
            verdict = judge(requests, afterwards, workers=cell.workers, threads=cell.threads)
        printed = live.printed(patience=1.0 if verdict.sample else 0.0)
        return Run(cell, turn, requests, afterwards, verdict, printed)


def _running(
    plan: Plan, server: Server, cell: Cell, fresh: Path | None
) -> AbstractContextManager[Running]:
    command = partial(server.command, cell=cell, options=plan.options)
    environ = environment(plan.target, fresh)
    return running(command, environ, chdir=plan.chdir, workers=cell.workers, patience=plan.patience)


@contextmanager
def _store(fresh: bool) -> Iterator[Path | None]:
    """An empty folder for the program's stores, removed when its server has ended."""
    if not fresh:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="instep-fresh-") as path:
        yield Path(path)
