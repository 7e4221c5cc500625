"""A server while it runs: started in its own process group, awaited, and ended without a rest.

How nothing stays behind: the server is the leader of a new session, so every process that it forks
is in its group; leaving the `with` block asks the group to end and then kills it, also on Ctrl-C
and on any exception; and the kernel ends the leader if the prover itself is killed (see `launch`).
"""

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instep.errors import Misuse
from instep.races import variables
from instep.races.servers import HOST

Command = Callable[[int], list[str]]

ATTEMPTS = 3
"""How many ports are tried before one that is taken meanwhile counts as an error."""

GREETING = 2.0
"""Seconds that one process has to say about itself what it has to say."""

GRACE = 5.0
"""Seconds that a server has to end by itself before it is killed."""

LINES = 40
"""How many of its last lines are quoted."""

STRAGGLERS = 5.0
"""Seconds that the remaining workers have to answer once the first one has."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers.

    Args:
        port: where, on the loopback address.
        pid: of its first process, which leads the group.
        log: the file that takes everything it prints.
        token: what shows that it is this server that answers.
        told: what each of its processes said about itself, by process id.
    """

    port: int
    pid: int
    log: Path
    token: str
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def greet(self) -> str | None:
        """Ask the reserved path: the pid that answers, or None if nobody (or a stranger) does."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=GREETING)
        try:
            connection.request("GET", variables.READY)
            response = connection.getresponse()
            body = response.read()
            pid = response.headers.get(variables.PID_HEADER)
            if response.headers.get(variables.TOKEN_HEADER) != self.token or pid is None:
                return None
            self.told[pid] = json.loads(body)
            return pid
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def printed(self, *, patience: float = 0.0) -> str:
        """The last lines that the server printed.

        Args:
            patience: seconds to wait for the first line; some servers answer, and then log why.
        """
        deadline = time.monotonic() + patience
        while not self.log.stat().st_size and time.monotonic() < deadline:
            time.sleep(0.02)
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return "\n".join(lines[-LINES:])


@contextmanager
def running(
    command: Command, environ: Mapping[str, str], *, chdir: Path, workers: int, patience: float
) -> Iterator[Running]:
    """Start a server with the program in it, and end it with all its processes afterwards.

    Args:
        command: makes the command line for a port.
        environ: the server's environment, see `environment`.
        chdir: the folder in which it runs, and where the module is looked up first.
        workers: how many processes should have answered before it counts as ready.
        patience: seconds until it must answer.

    Raises:
        Misuse: it did not start; the message holds what it printed.
    """
    with tempfile.TemporaryDirectory(prefix="instep-prove-") as folder:
        log = Path(folder, "server.log")
        for attempt in range(ATTEMPTS):
            with _started(command, environ, chdir, log) as start:
                try:
                    _await(start, workers, patience)
                except Misuse:
                    if attempt < ATTEMPTS - 1 and "in use" in start.running.printed():
                        continue  # somebody else took the port between choosing it and using it
                    raise
                yield start.running
                return


def environment(target: str, fresh: Path | None, seed: int | None = None) -> dict[str, str]:
    """What a server is told by its environment.

    Args:
        target: the program, `MODULE:APP`.
        fresh: a new folder for the program's stores, or None for its own.
        seed: of the amplification, or None for none.
    """
    ours = {variables.TARGET: target, variables.TOKEN: secrets.token_hex(8)}
    if fresh is not None:
        ours[variables.FRESH] = str(fresh)
    if seed is not None:
        ours[variables.AMPLIFY] = str(seed)
    return os.environ | ours | {variables.PARENT: str(os.getpid())}


@dataclass(frozen=True, slots=True)
class _Start:
    running: Running
    process: subprocess.Popen[bytes]


@contextmanager
def _started(
    command: Command, environ: Mapping[str, str], chdir: Path, log: Path
) -> Iterator[_Start]:
    port = _free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=chdir,
            env=environ,
            start_new_session=True,
        )
        try:
            yield _Start(Running(port, process.pid, log, environ[variables.TOKEN]), process)
        finally:
            _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _await(start: _Start, workers: int, patience: float) -> None:
    """Wait for the first answer, then a little for the other workers to have answered too."""
    deadline = time.monotonic() + patience
    seen: set[str] = set()
    while len(seen) < workers and time.monotonic() < deadline:
        if start.process.poll() is not None:
            raise Misuse(f"the server ended before it answered:\n\n{start.running.printed()}")
        pid = start.running.greet()
        if pid is None:
            time.sleep(0.02)
        elif not seen:
            deadline = time.monotonic() + STRAGGLERS
        seen |= {pid} if pid else set()
    if not seen:
        raise Misuse(
            f"the server did not answer within {patience:g} s:\n\n{start.running.printed()}"
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: ask, wait, kill. The kill comes even when the wait is interrupted."""
    try:
        _signal(process, signal.SIGTERM)
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The group's number stays taken while any member lives; when none does, there is nobody to end.
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass
