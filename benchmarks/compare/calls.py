"""What a question may ask of a cache, and where the caches of one run are."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

Create = Callable[[], Any]
Fetch = Callable[[str, Create], Any]

STALE_TTL = 3.0  # seconds for which a value of `stale` and of `early` is fresh


class Place(NamedTuple):
    """Where the caches of a run are.

    Args:
        folder: for those that are files.
        redis: the port of a Redis server on loopback that nobody else uses.
    """

    folder: str
    redis: int


@dataclass
class Calls:
    """A library's calls, as its manual would have them used; None is what it has no call for.

    Args:
        get: the value of a key, or None.
        set: keep a value.
        delete: forget a key.
        fetch: the value, made by a function if there is none, by whatever the library has against
            making it twice.
        stale: likewise, with the library's option to serve an old value while a new one is made.
        early: likewise, with its option to make a new value before the old one has expired.
        increment: count on from 0; the new number.
        add: keep a value if there is none; whether it did.
        tagged: keep a value under a key and a tag.
        drop: forget what has a tag.
        plant: put raw bytes where the library would look for the value of a key.
    """

    get: Callable[[str], Any]
    set: Callable[[str, Any], object]
    delete: Callable[[str], object]
    fetch: Fetch
    stale: Fetch | None = None
    early: Fetch | None = None
    increment: Callable[[str], Any] | None = None
    add: Callable[[str, Any], object] | None = None
    tagged: Callable[[str, Any, str], object] | None = None
    drop: Callable[[str], object] | None = None
    plant: Callable[[str, bytes], object] | None = None


class Runs:
    """Counts what several processes do: each time is a byte at the end of a file.

    Args:
        path: the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.touch()

    def note(self) -> None:
        """One more."""
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        os.write(file, b".")
        os.close(file)

    def __len__(self) -> int:
        return self.path.stat().st_size
