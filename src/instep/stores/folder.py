"""The folder of an embedded store: whether it can be one, and turns that are taken in it."""

from __future__ import annotations

import errno
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StoreError
from . import process
from .datafile import allocate
from .filelock import FileLocks
from .holds import TABLE_SIZE
from .mount import network_file_system

PATIENCE = 30.0  # seconds for another process to open, close or grow the file


def make_folder(folder: Path) -> None:
    """Make the folder of a store, or refuse a place that cannot be one."""
    if folder.exists() and not folder.is_dir():
        raise StoreError(
            f"{folder} is a file: the embedded store keeps several files in a folder; "
            "name one that it may make"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = network_file_system(folder)
    if kind:
        raise StoreError(
            f"{folder} is on a network file system ({kind}), where neither locks nor "
            "shared memory reach the other machines: choose a local folder, or a server "
            "for several machines"
        )


@contextmanager
def in_turn(folder: Path, locks: FileLocks, number: int) -> Iterator[None]:
    """Let one process at a time do this."""
    sleep, deadline = process.native("time", "sleep"), time.monotonic() + PATIENCE
    while not locks.take(number):
        if time.monotonic() > deadline:
            raise StoreError(
                f"{folder}: another process has been opening, closing or growing it "
                f"for {PATIENCE:g} s; is one stopped?"
            )
        sleep(0.001)
    try:
        yield
    finally:
        locks.free(number)


def holders_table(path: Path) -> mmap.mmap:
    size = allocate(path, TABLE_SIZE + mmap.PAGESIZE)
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        return mmap.mmap(fd, size)
    finally:
        os.close(fd)


def advice(error: OSError) -> str:
    """What a person can do about an error of the system."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room on the disk; nothing was changed"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "let the program write there, or choose another folder"
    return "check the path"
