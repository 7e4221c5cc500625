"""The stores that records are moved between, found by their URLs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Misuse
from ..stores import engine
from ..stores.base import Store


@contextmanager
def opened(url: str, *, reading: bool = False) -> Iterator[Store]:
    """A store for the length of a block.

    Args:
        url: the store's URL.
        reading: records are to be read from it: it must be able to list them, and be there.

    Raises:
        Misuse: it is not the URL of a store that records can be moved from or to.
    """
    found = engine(url)
    if found.url == "memory:":
        raise Misuse("memory: is gone when this process ends: name a store that others reach")
    if reading and not found.powers.listing:
        raise Misuse(
            f"{found.url} cannot say which records it has, so they cannot be moved: let the "
            "program fill the new store"
        )
    store = found.open()
    if reading:
        _be_there(store.url)
    try:
        yield store
    finally:
        store.close()


def _be_there(url: str) -> None:
    """Refuse a folder without a store, where the embedded one would make a new one."""
    scheme, _, folder = url.partition(":")
    files = ("data.mdb", "checkpoint.mdb")
    if scheme == "lmdb" and not any(Path(folder, file).exists() for file in files):
        raise Misuse(f"there is no store in {folder}: name the folder that the program uses")
