"""Where processes can share a space: a URL of each engine, for the tests of all of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

PLACES = ("lmdb", "redis", "postgresql", "manager")
"""Engines that keep every promise and that several processes reach."""


SERVERS = {
    "redis": "redis_server",
    "postgresql": "postgres_server",
    "manager": "manager_server",
}
"""The fixture of each engine's server."""


def place(name: str, folder: Path, server: Callable[[str], Any], lease: int | None = None) -> str:
    """The URL of an empty store.

    Args:
        name: one of `PLACES`, or `memory`.
        folder: where an embedded store may be made.
        server: gives the server's fixture by its name.
        lease: on Redis, the seconds that nobody wants to wait for a dead holder's to end. The fewer
            they are, the sooner a machine that stalls ends those of the living.
    """
    if name == "memory":
        return "memory:"
    if name == "lmdb":
        return f"lmdb:{folder / 'state'}?durability=none"
    url: str = server(SERVERS[name]).url
    return f"{url}?lease={lease}" if lease and name == "redis" else url
