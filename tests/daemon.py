"""Private servers for tests: a folder, a port and a process each, gone when their owner is.

Two ways lead to the end of a server: its owner closes it, at the latest when the interpreter
exits; and a shell watches a pipe that only the owner holds open, so that a killed owner leaves
none behind.
"""

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

PATIENCE = 60.0  # seconds; a busy machine starts a server in one or two
PORTS = range(10_000, 22_000)  # below what clients get, with room for the bus of a cluster above

_GUARD = """
read -r _
for running in "$1"/running/*; do
    [ -e "$running" ] || continue
    kill -s "$(cat "$running")" -- "-${running##*/}"
    kill -s CONT -- "-${running##*/}"
    sleep 0.2
done
rm -rf "$1" || { sleep 2; rm -rf "$1"; }
"""
"""Blocks until the owner's end of the pipe is closed; then ends what it has left running."""


class Session:
    """The folder of all servers of one process, and the shell that outlives it to clean up."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.folder = Path(tempfile.mkdtemp(prefix="instep-servers-"))
        self.folder.chmod(0o711)  # a server that runs as somebody else passes through it
        (self.folder / "running").mkdir()
        self.daemons: list[Daemon] = []
        self.made = 0
        read, self._pipe = os.pipe()
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "sh", str(self.folder)],
            stdin=read,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for the tests
        )
        os.close(read)
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self._end)

    def new_folder(self, name: str) -> Path:
        """A new folder for one server."""
        self.made += 1
        folder = self.folder / f"{name}-{self.made}"
        folder.mkdir(mode=0o700)
        return folder

    def _forget(self) -> None:
        if os.getppid() == self.owner:
            os.close(self._pipe)

    def _end(self) -> None:
        if os.getpid() == self.owner:
            for daemon in reversed(self.daemons[:]):
                daemon.close()
            os.close(self._pipe)
            self._guard.wait()


_sessions: dict[int, Session] = {}
_given: set[int] = set()


def session() -> Session:
    """This process's session, made when it is first asked for."""
    if os.getpid() not in _sessions:
        _sessions[os.getpid()] = Session()
    return _sessions[os.getpid()]


def find(*binaries: str, folders: Iterable[Path] = ()) -> str | None:
    """The path of the first of some programs that is there, on PATH or in a folder."""
    for binary in binaries:
        places = [str(folder / binary) for folder in folders if (folder / binary).exists()]
        if found := shutil.which(binary) or (places[0] if places else None):
            return found
    return None


def require(*binaries: str, folders: Iterable[Path] = ()) -> str:
    """The path of a program; without it the test skips on a laptop and fails in CI."""
    if found := find(*binaries, folders=folders):
        return found
    reason = f"{binaries[0]} is not installed: this needs a real one"
    if not os.environ.get("CI") and "pytest" in sys.modules:
        import pytest

        pytest.skip(reason)
    raise RuntimeError(reason)


def free_port() -> int:
    """A port of loopback that nobody listens on, with the one 10,000 above it.

    It is outside of the range that clients get theirs from: one of those that knocks at a server
    which is down might be given the server's own port, connect to itself and keep the server out.
    """
    while True:
        port = random.SystemRandom().choice(PORTS)
        if port not in _given and _is_free(port) and _is_free(port + 10_000):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_for(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until something is so, a bounded time."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {patience:g} s still not so: {what}")
        time.sleep(0.01)


def said(address: str | tuple[str, int], request: bytes) -> bytes:
    """What a server answers first to a request; nothing when it cannot be reached."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with suppress(OSError), socket.socket(family) as knock:
        knock.settimeout(2.0)
        knock.connect(address)
        knock.sendall(request)
        return knock.recv(1024)
    return b""


def _stopped(task: Path) -> bool:
    """Whether a thread is stopped, or gone."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0] in "TtZX"
    except FileNotFoundError:
        return True


class Daemon:
    """A server process in a folder of its own. Whoever starts it is the one to stop it."""

    last_signal = signal.SIGKILL  # what ends it for good, when its data no longer matter

    def __init__(self, name: str) -> None:
        self.name = name
        self.session = session()
        self.folder = self.session.new_folder(name)
        self.log = self.folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.user: str | None = None  # whose it runs as, when not ours
        self.session.daemons.append(self)

    def command(self) -> list[str]:
        """The command line that starts it in the foreground."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Does it serve?"""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The id of its process."""
        if self.process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self.process.pid

    @property
    def running(self) -> bool:
        """Is its process there?"""
        return self.process is not None and self.process.poll() is None

    def start(self) -> Self:
        """Start it and wait until it serves."""
        if self.running:
            return self
        self.launch()
        wait_for(self._serves, f"{self.name} serves")
        return self

    def launch(self) -> None:
        """Start it, without waiting."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env={**env, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self.user,
                group=self.user and _group_of(self.user),
                extra_groups=[] if self.user else None,
            )
        self._mark().write_text(self.last_signal.name.removeprefix("SIG"))

    def stop(self) -> None:
        """End it as its administrator would, and wait for the end."""
        self.end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does, and wait for the end."""
        self.end(signal.SIGKILL)

    def restart(self) -> Self:
        """Stop it if it runs, and start it again: same port, same folder."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Stop its process (SIGSTOP): connections stay, nothing is answered any more."""
        os.killpg(self.pid, signal.SIGSTOP)
        while not all(map(_stopped, Path(f"/proc/{self.pid}/task").iterdir())):
            time.sleep(0.001)  # a thread that runs on another processor goes on for a moment

    def resume(self) -> None:
        """Let a paused one go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def end(self, how: signal.Signals) -> None:
        """Send its process group a signal and wait for the end."""
        if self.process is None:
            return
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, how)
                os.killpg(self.pid, signal.SIGCONT)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.process.wait(PATIENCE)
        self._mark().unlink(missing_ok=True)
        self.process = None

    def close(self) -> None:
        """End it for good and remove its folder."""
        self.end(self.last_signal)
        with suppress(ValueError):
            self.session.daemons.remove(self)
        shutil.rmtree(self.folder, ignore_errors=True)

    def logged(self, last: int = 4000) -> str:
        """The end of its log."""
        with suppress(FileNotFoundError):
            return self.log.read_text(errors="replace")[-last:]
        return ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *what: object) -> None:
        self.close()

    def _serves(self) -> bool:
        if not self.running:
            code = self.process and self.process.returncode
            self.end(signal.SIGKILL)
            raise RuntimeError(f"{self.name} ended with {code} at its start:\n{self.logged()}")
        return self.ready()

    def _mark(self) -> Path:
        return self.session.folder / "running" / str(self.pid)


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def certificate(folder: Path) -> tuple[Path, Path, Path]:
    """A throw-away authority, a certificate for loopback that it signed, and the latter's key."""
    tool = require("openssl")
    names = folder / "names.cnf"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")

    def openssl(*what: str) -> None:
        subprocess.run([tool, *what], cwd=folder, check=True, capture_output=True)

    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl(*"req -x509 -days 2 -subj /CN=instep-tests -keyout ca.key -out ca.crt".split(), *ec)
    openssl(*"req -subj /CN=localhost -keyout server.key -out server.csr".split(), *ec)
    openssl(
        *"x509 -req -days 2 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial".split(),
        *"-extfile names.cnf -out server.crt".split(),
    )
    return folder / "ca.crt", folder / "server.crt", folder / "server.key"
