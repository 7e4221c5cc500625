"""Where the stores are: one private server for each engine, as long as the run."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.servers import Daemon, Manager, Memcached, Postgres, Redis, started

EMBEDDED, REDIS, POSTGRES = "embedded (LMDB)", "Redis", "PostgreSQL"
MANAGER, MEMCACHED = "manager", "memcached"
SERVED = (REDIS, POSTGRES, MANAGER, MEMCACHED)

_CLASSES: dict[str, Callable[[], Daemon]] = {
    REDIS: Redis,
    POSTGRES: Postgres,
    MANAGER: Manager,
    MEMCACHED: partial(Memcached, ["-m", "256"]),
}


@dataclass(frozen=True, slots=True)
class Place:
    """An engine's store.

    Args:
        engine: its name.
        url: where it is.
        pid: of its server, or 0 if it has none.
        socket: the URL over a unix socket, where it is the one over TCP; or nothing.
    """

    engine: str
    url: str
    pid: int = 0
    socket: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """All of them.

    Args:
        found: by engine.
        missing: why there is none, by engine.
    """

    found: dict[str, Place]
    missing: dict[str, str]


def start(up: ExitStack, folder: Path) -> Places:
    """Start a server for each engine; what is not installed is left out, with the reason."""
    embedded = Place(EMBEDDED, f"lmdb:{folder / 'stores'}")
    every = Places({EMBEDDED: embedded}, {})
    for engine in SERVED:
        place = another(up, engine)
        if isinstance(place, str):
            every.missing[engine] = place
        else:
            every.found[engine] = place
    return every


def another(up: ExitStack, engine: str) -> Place | str:
    """One more server of an engine, or the reason why there is none."""
    server = started(up, _CLASSES[engine])
    if isinstance(server, str):
        return server
    assert isinstance(server, Redis | Postgres | Manager | Memcached)
    socket = server.unix_url if isinstance(server, Redis) else ""
    return Place(engine, server.url, server.pid, socket)
