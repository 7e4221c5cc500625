"""Dumping: the records of a store as lines of JSON, for backup and for other tools.

How it stays right. The last line has the number of records and the SHA-256 of all lines before it,
so that a part of a dump is never taken for the whole. A file is written beside its place, synced,
and then takes it, so there is the old one or the new one, and nothing between.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO

from .. import __version__
from ..errors import Misuse, StoreError
from ..stores.address import shown
from ..stores.base import Store
from .copying import Watch, encoded
from .lines import Line, line_of, written
from .sources import StoreSource

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Dumped:
    """What a dump has.

    Args:
        records: how many.
        opaque: how many of them are in base64, because they cannot be shown without loss.
        size: bytes of the file.
    """

    records: int
    opaque: int
    size: int


def dump(store: Store, file: BinaryIO, *, prefix: str = "", watch: Watch | None = None) -> Dumped:
    """Write the records of a store as lines of JSON.

    Args:
        store: it is only read. What is written meanwhile may be in the dump or not.
        file: open for writing bytes.
        prefix: only names that begin with it.
        watch: see `instep.moving.copying.Watch`.

    Raises:
        Misuse: the store cannot list its records.

    Example:
        >>> from io import BytesIO
        >>> from instep.stores import engine
        >>> store, file = engine("memory:").open(), BytesIO()
        >>> store.update(b"tickets", lambda data: (b"c2a", None), 1.0)
        >>> dump(store, file).records
        1
        >>> print(file.getvalue().splitlines()[1].decode())
        {"name": "tickets", "kind": "counter", "version": 1, "expires": null, "state": 42}
    """
    if not store.powers.listing:
        raise Misuse(f"{store.url} cannot say which records it has, so they cannot be dumped")
    out, records, opaque = _Out(file), 0, 0
    out.put(_header(store, prefix))
    for page in StoreSource(store).pages(encoded(prefix)):
        for key, record in page:
            line = line_of(key, record)
            opaque += "data" in line
            out.put(line)
        records += len(page)
        if watch is not None:
            watch("dumping", records, None)
    out.put({"end": True, "records": records, "sha256": out.digest.hexdigest()})
    file.flush()
    return Dumped(records, opaque, out.size)


class _Out:
    """A file, and the digest of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = sha256()
        self.size = 0
        self._write = file.write

    def put(self, line: Line) -> None:
        """Write a line."""
        text = written(line)
        self.digest.update(text)
        self.size += len(text)
        self._write(text)


def _header(store: Store, prefix: str) -> Line:
    return {
        "instep": "dump",
        "format": FORMAT,
        "version": __version__,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "url": shown(store.url),
        "prefix": prefix,
    }


@contextmanager
def in_place_of(path: Path) -> Iterator[BinaryIO]:
    """A file, mode 0600, that takes the place of the one at `path` when the block has ended well.

    What is no regular file (a pipe, a device) is written to as it is.
    """
    path = Path(os.path.realpath(path))
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                yield stream
        else:
            with _beside(path) as file:
                yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def _beside(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of the old one in one step, once it is on the disk."""
    number, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with open(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
