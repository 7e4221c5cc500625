"""Locks on numbers, between processes, that the kernel frees when their holder dies.

How it stays right. Linux's open-file-description locks (fcntl(2), F_OFD_SETLK) lock a byte of a
file: any number below 2^63 is its own lock, and the bytes need not exist. They belong to the
descriptor, not to the process, so threads share them (an in-process lock must come first) and a
forked child would inherit them: it closes its copy of the descriptor, which frees nothing of the
parent's.

Where they do not exist, `Stripes` locks whole small files with flock(2) instead: many numbers then
share a file, so callers may wait for each other without need, but never hold one number together.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from struct import Struct
from typing import Protocol

_TURNS = 1 << 62  # beyond every slot
RESERVED = 8  # numbers below are never shared with others: a store's own business
_FLOCK = Struct("hhqqi")  # struct flock: type, whence, start, length, pid (0 for this kind)
_SETLK = getattr(fcntl, "F_OFD_SETLK", -1)
_GETLK = getattr(fcntl, "F_OFD_GETLK", -1)


BUSY = (BlockingIOError, PermissionError)  # EAGAIN, EACCES: somebody else has it


class FileLocks(Protocol):
    """Locks on numbers between processes; none of the calls waits."""

    shared: bool
    """Whether several numbers may be one lock: `slot` tells which."""

    def slot(self, number: int) -> int:
        """The number that is really locked for `number`; equal ones are one lock."""

    def turn(self, slot: int) -> int:
        """A second lock that belongs to a slot."""

    def calls(self, slot: int) -> tuple[Callable[[], object], Callable[[], object]]:
        """Functions that lock a slot exclusively, or raise one of `BUSY`, and that unlock it."""

    def take(self, slot: int) -> bool:
        """Lock exclusively (also from shared), or say False."""

    def share(self, slot: int) -> bool:
        """Lock together with others that share, or say False."""

    def free(self, slot: int) -> None:
        """Unlock."""

    def busy(self, slot: int) -> bool:
        """Whether another descriptor has it locked."""

    def close(self) -> None:
        """Close this process's descriptors."""


class Bytes:
    """Open-file-description locks: one byte of one file for each number."""

    shared = False

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def slot(self, number: int) -> int:
        return number

    def turn(self, slot: int) -> int:
        return slot + _TURNS

    def calls(self, slot: int) -> tuple[Callable[[], object], Callable[[], object]]:
        return self._call(fcntl.F_WRLCK, slot), self._call(fcntl.F_UNLCK, slot)

    def take(self, slot: int) -> bool:
        return _succeeds(self._call(fcntl.F_WRLCK, slot))

    def share(self, slot: int) -> bool:
        return _succeeds(self._call(fcntl.F_RDLCK, slot))

    def free(self, slot: int) -> None:
        self._call(fcntl.F_UNLCK, slot)()

    def busy(self, slot: int) -> bool:
        answer: bytes = fcntl.fcntl(self._fd, _GETLK, _flock(fcntl.F_WRLCK, slot))
        return answer[:2] != _UNLOCKED

    def close(self) -> None:
        os.close(self._fd)

    def _call(self, kind: int, slot: int) -> Callable[[], object]:
        return partial(fcntl.fcntl, self._fd, _SETLK, _flock(kind, slot))


@lru_cache(maxsize=16384)
def _flock(kind: int, start: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, start, 1, 0)


_UNLOCKED = _flock(fcntl.F_UNLCK, 0)[:2]


class Stripes:
    """flock(2) on a fixed number of small files."""

    COUNT = 64
    shared = True

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._paths = [folder / f"{number:02x}" for number in range(2 * self.COUNT)]
        self._fds = [os.open(path, flags, 0o600) for path in self._paths]

    def slot(self, number: int) -> int:
        return number if number < RESERVED else RESERVED + number % (self.COUNT - RESERVED)

    def turn(self, slot: int) -> int:
        return slot + self.COUNT

    def calls(self, slot: int) -> tuple[Callable[[], object], Callable[[], object]]:
        return self._call(slot, fcntl.LOCK_EX | fcntl.LOCK_NB), self._call(slot, fcntl.LOCK_UN)

    def take(self, slot: int) -> bool:
        return _succeeds(self._call(slot, fcntl.LOCK_EX | fcntl.LOCK_NB))

    def share(self, slot: int) -> bool:
        return _succeeds(self._call(slot, fcntl.LOCK_SH | fcntl.LOCK_NB))

    def free(self, slot: int) -> None:
        fcntl.flock(self._fds[slot], fcntl.LOCK_UN)

    def busy(self, slot: int) -> bool:
        # A second description of the same file, so that this process's own lock counts too;
        # the caller has ruled that one out.
        fd = os.open(self._paths[slot], os.O_RDWR | os.O_CLOEXEC)
        try:
            return not _succeeds(partial(fcntl.flock, fd, fcntl.LOCK_EX | fcntl.LOCK_NB))
        finally:
            os.close(fd)

    def close(self) -> None:
        for fd in self._fds:
            with suppress(OSError):
                os.close(fd)

    def _call(self, slot: int, kind: int) -> Callable[[], object]:
        return partial(fcntl.flock, self._fds[slot], kind)


def _succeeds(lock: Callable[[], object]) -> bool:
    try:
        lock()
    except BUSY:
        return False
    return True


def file_locks(path: Path) -> FileLocks:
    """The best locks that the system offers, in a file at `path` or a folder beside it."""
    if _SETLK != -1:
        locks = Bytes(path)
        try:
            locks.free(0)
        except OSError:
            locks.close()
        else:
            return locks
    return Stripes(path.with_suffix(".stripes"))
