"""A private manager for tests: the real server, in a process of its own."""

import os
import signal
import sys
from pathlib import Path

from daemon import Daemon, free_port, wait_for
from instep.stores.manager.place import place
from instep.stores.manager.wire import Channel

_SERVE = """
import gc, os, signal, sys
from pathlib import Path
from instep.stores.manager import serve
from instep.stores.manager.records import Records

def count(number, _):
    [found] = [found for found in gc.get_objects() if isinstance(found, Records)]
    if number == signal.SIGUSR2:
        found.__init__()
    Path("kept.new").write_text(str(len(found)))
    os.rename("kept.new", "kept")

signal.signal(signal.SIGUSR1, count)
signal.signal(signal.SIGUSR2, count)
Path("pid").write_text(str(os.getpid()))
serve(sys.argv[1])
"""


class Manager(Daemon):
    """A manager on a socket, or on a free port of loopback.

    Args:
        tcp: whether it is to be on a port.
    """

    def __init__(self, tcp: bool = False) -> None:
        super().__init__("manager")
        self.port = free_port() if tcp else None
        self.keyfile = self.folder / "s.key"
        if self.port is not None:
            self.keyfile.touch(mode=0o600)
            self.keyfile.write_text("of this very test\n")

    @property
    def url(self) -> str:
        """Where it is."""
        if self.port is None:
            return f"manager:{self.folder}/s"
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """Where it is, for those who come by another port."""
        return f"manager://127.0.0.1:{port}?keyfile={self.keyfile}"

    def command(self) -> list[str]:
        """What `instep serve` does."""
        return [sys.executable, "-W", "error", "-c", _SERVE, self.url]

    def ready(self) -> bool:
        """It says hello."""
        where = place(self.url)
        try:
            with where.socket() as knock:
                knock.settimeout(2.0)
                knock.connect(where.address())
                return Channel(knock).recv_bytes().startswith(b"instep")
        except OSError:
            return False

    def clear(self) -> None:
        """Forget all records, as if it had been started anew."""
        assert _told(self.folder, signal.SIGUSR2) == 0


def kept(keyfile: str) -> int:
    """How many records a manager has, also of those that have expired.

    Args:
        keyfile: its key's file, beside which the others lie; the manager may be another process's.
    """
    return _told(Path(keyfile).parent, signal.SIGUSR1)


def _told(folder: Path, number: signal.Signals) -> int:
    (folder / "kept").unlink(missing_ok=True)
    os.kill(int((folder / "pid").read_text()), number)
    wait_for((folder / "kept").exists, "the manager has counted")
    return int((folder / "kept").read_text())
