"""The real servers, and how each is told its workers, its threads and its port: one table.

A server's process is `instep.races.launch` in a session of its own, so that the whole family can
be ended by its group, whatever it has forked.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from instep.errors import Misuse

HOST = "127.0.0.1"
APPLICATION = "instep.races.target:application"
BACKLOG = "1024"


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to run a server.

    Args:
        workers: how many processes answer.
        threads: how many threads each has; for a server with greenlets or a thread per request
            1 means one request at a time and more means as many as come.
    """

    workers: int
    threads: int

    def __str__(self) -> str:
        return f"{self.workers}x{self.threads}"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the prover can start.

    Args:
        name: what `--server` is given.
        package: the module that must be importable, and the requirement that installs it.
        arguments: port and cell to the words after `python -m instep.races.launch`.
        workers: whether it can have several processes.
        threads: whether it can answer several requests at once in one process.
        inside: what answers inside a worker: thread or greenlet.
        last: the words that name the application; none where no other options can be given.
        counted: whether `threads` sets their number; if not, each connection gets its own.
        early: what has it load the program before it forks, if it would not do so by itself.
    """

    name: str
    package: tuple[str, str]
    arguments: Callable[[int, Cell], list[str]]
    workers: bool = True
    threads: bool = True
    inside: str = "thread"
    last: tuple[str, ...] = (APPLICATION,)
    counted: bool = True
    early: tuple[str, ...] = ()

    def command(self, port: int, *, cell: Cell, options: tuple[str, ...] = ()) -> list[str]:
        """The command line that starts it."""
        launch = [sys.executable, "-m", "instep.races.launch"]
        return [*launch, *self.arguments(port, cell), *options, *self.last]

    def cells(self, workers: int, threads: int) -> list[Cell]:
        """The matrix: one by one as control, then many threads, then many of both."""
        workers = workers if self.workers else 1
        threads = threads if self.threads else 1
        return list(dict.fromkeys([Cell(1, 1), Cell(1, threads), Cell(workers, threads)]))

    def require(self) -> None:
        """Say what to install if the server is not there.

        Raises:
            Misuse: its package cannot be imported.
        """
        module, requirement = self.package
        if importlib.util.find_spec(module) is None:
            raise Misuse(
                f"{self.name} is not installed in this environment: pip install '{requirement}'"
            )


def _gunicorn(port: int, cell: Cell) -> list[str]:
    return [*_gunicorn_base(port, cell), "--threads", str(cell.threads)]


def _gevent(port: int, cell: Cell) -> list[str]:
    connections = "1" if cell.threads == 1 else "1000"
    extra = ["--worker-class", "gevent", "--worker-connections", connections]
    return [*_gunicorn_base(port, cell), *extra]


def _gunicorn_base(port: int, cell: Cell) -> list[str]:
    command = ["gunicorn", "--bind", f"{HOST}:{port}", "--workers", str(cell.workers)]
    command += ["--backlog", BACKLOG, "--keep-alive", "30", "--graceful-timeout", "1"]
    command += ["--no-control-socket", "--log-level", "warning"]
    if os.path.isdir("/dev/shm"):  # a heartbeat file on a slow disk can get a worker killed
        command += ["--worker-tmp-dir", "/dev/shm"]
    return command


def _waitress(port: int, cell: Cell) -> list[str]:
    command = ["waitress", f"--listen={HOST}:{port}", f"--threads={cell.threads}"]
    return [*command, f"--backlog={BACKLOG}", "--connection-limit=1000"]


def _uwsgi(port: int, cell: Cell) -> list[str]:
    # http-socket closes each connection without saying so; http11-socket keeps it alive.
    command = ["pyuwsgi", "--http11-socket", f"{HOST}:{port}"]
    command += ["--master", "--need-app", "--die-on-term", "--disable-logging", "--no-orphans"]
    command += ["--processes", str(cell.workers), "--listen", _queue(), "--enable-threads"]
    command += ["--threads", str(cell.threads)] if cell.threads > 1 else []
    return command


def _queue() -> str:
    """The longest queue of connections that the kernel allows; uWSGI refuses to start beyond."""
    try:
        with open("/proc/sys/net/core/somaxconn") as limit:
            return str(min(int(limit.read()), int(BACKLOG)))
    except OSError:
        return "100"


def _flask(port: int, cell: Cell) -> list[str]:
    return ["werkzeug", HOST, str(port), "threads" if cell.threads > 1 else "one", "1"]


def _flask_processes(port: int, cell: Cell) -> list[str]:
    return ["werkzeug", HOST, str(port), "processes", str(cell.workers)]


_GUNICORN = ("gunicorn", "gunicorn")
_GEVENT = ("gevent", "gunicorn[gevent]")
_PRELOAD = ("--preload",)
_FLASK = ("werkzeug", "flask")

SERVERS = {
    server.name: server
    for server in (
        Server("gunicorn", _GUNICORN, _gunicorn, early=_PRELOAD),
        Server(
            "gunicorn-gevent", _GEVENT, _gevent, inside="greenlet", counted=False, early=_PRELOAD
        ),
        Server("waitress", ("waitress", "waitress"), _waitress, workers=False),
        Server("uwsgi", ("pyuwsgi", "pyuwsgi"), _uwsgi, last=("--module", APPLICATION)),
        Server("flask", _FLASK, _flask, workers=False, last=(), counted=False),
        Server("flask-processes", _FLASK, _flask_processes, threads=False, last=()),
    )
}
