"""The private servers of a run: those of the tests, which this is the one place to reach for."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from manager_server import Manager
from servers import Daemon, Memcached, Postgres, Redis

__all__ = ["Daemon", "Manager", "Memcached", "Postgres", "Redis", "started"]

S = TypeVar("S", bound=Daemon)


def started(up: ExitStack, make: Callable[[], S]) -> S | str:
    """A server that ends with the stack; where it is not installed, the reason why there is none.

    Args:
        up: what it ends with.
        make: its class, or a function that gives one that has not been started.
    """
    try:
        server = make()
    except RuntimeError as missing:
        return str(missing)
    up.enter_context(server)
    return server
