"""What survives the death of the machine: the session mark, the checkpoint, the way back.

How it stays right. A file that is not synced at every commit can be torn when the machine dies, so
it is trusted only while this can be told not to have happened. The session file says, synced to the
disk before the first write, in which boot of the machine (boot id) the data file is being written;
`clean` takes its place, after a sync, when the last process closes the store. At open: clean, or
this very
boot: the data file is whole, whatever became of the processes. Anything else: the machine died, and
the newest checkpoint, a synced copy made while it was alive, takes the data file's place. The torn
file is put aside, never read.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from ..errors import StoreError
from . import process

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLEAN, _SYNCED, _UNKNOWN = "clean", "synced", "unknown"


class Durability(StrEnum):
    """What a commit survives; see `docs/stores.md`."""

    CHECKPOINT = "checkpoint"
    COMMIT = "commit"
    NONE = "none"


def boot_id() -> str:
    """This boot of the machine, or `unknown` where the system does not tell."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return _UNKNOWN


class Session:
    """The session file of a store and what follows from it.

    Args:
        folder: the store's folder, with `data.mdb`.
        durability: how this process writes.
    """

    def __init__(self, folder: Path, durability: Durability) -> None:
        self._folder = folder
        self._mark = folder / "session"
        self._durability = durability
        self.data = folder / "data.mdb"
        self.checkpoint = folder / "checkpoint.mdb"

    def mend(self, alone: bool) -> bool:
        """Let the newest checkpoint take the data file's place if the machine died meanwhile.

        Args:
            alone: no other process has the store open.

        Returns:
            Whether the checkpoint is as new as the data file, as far as the mark tells.
        """
        mark, boot = self._read(), boot_id()
        # Of an unknown boot only this is sure: while somebody has it open, it is the same one.
        same = mark == boot and not (alone and boot == _UNKNOWN)
        if mark not in (None, _CLEAN, _SYNCED) and not same:
            if not alone:
                raise StoreError(
                    f"{self._folder} is open on another machine or container with its own kernel "
                    "(its boot id differs): the embedded store serves one machine; "
                    "use a server for several"
                )
            self._fall_back()
            return self.checkpoint.exists()
        return mark == _CLEAN and self.checkpoint.exists()

    def begin(self) -> None:
        """Mark the data file as being written, before the first write that is not synced."""
        self._write(_SYNCED if self._durability is Durability.COMMIT else boot_id())

    def end(self, current: bool) -> None:
        """Mark the data file, which was just synced, as whole: the last process closes it.

        Args:
            current: the checkpoint is as new as the data file.
        """
        self._write(_CLEAN if current else _SYNCED)

    def copy(self, copy: Callable[[int], None]) -> None:
        """Make a checkpoint: write beside the old one, sync, and take its place.

        Args:
            copy: writes a consistent copy of the data file to a descriptor.
        """
        fresh = self.checkpoint.with_suffix(".new")  # one for all: they copy in turns
        try:
            with _private(fresh) as file:
                copy(file.fileno())
                os.fsync(file.fileno())
            fresh.replace(self.checkpoint)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        _sync_folder(self._folder)

    def _read(self) -> str | None:
        try:
            return self._mark.read_text().strip()
        except FileNotFoundError:
            return None

    def _write(self, mark: str) -> None:
        if self._read() == mark:
            _sync_folder(self._folder)  # who wrote it may have been killed before
            return
        fresh = self._mark.with_suffix(".new")
        with _private(fresh) as file:
            file.write(mark.encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._mark)
        _sync_folder(self._folder)

    def _fall_back(self) -> None:
        torn = self._folder / "torn.mdb"
        with suppress(FileNotFoundError):
            self.data.replace(torn)
        (self._folder / "lock.mdb").unlink(missing_ok=True)
        lost = f"the machine died while {self._folder} was being written: "
        aside = f"; the file that cannot be trusted is {torn}"
        if not self.checkpoint.exists():
            _sync_folder(self._folder)
            process.say(f"{lost}there is no checkpoint, so the store begins empty{aside}")
            return
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.checkpoint.stat().st_mtime))
        fresh = self.data.with_suffix(".new")
        with _private(fresh) as target, self.checkpoint.open("rb") as source:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(self.data)
        _sync_folder(self._folder)
        process.say(
            f"{lost}going on with the checkpoint of {when}; what was committed after it is lost"
            f"{aside}"
        )


class Checkpoints:
    """Makes checkpoints from a real thread of its own until it is stopped.

    Args:
        make: makes one if there is anything new, and says whether it did.
    """

    INTERVAL = 1.0  # seconds
    SHARE = 0.05  # of the time that may go into copying

    def __init__(self, make: Callable[[], bool]) -> None:
        self._make = make
        self._stop: Lock = process.native("_thread", "allocate_lock")()
        self._stop.acquire()
        process.native("_thread", "start_new_thread")(self._run, ())

    def stop(self) -> None:
        """End the thread at its next breath."""
        self._stop.release()

    def _run(self) -> None:
        # A signal that lands here would not wake the main thread of a server that forks in C.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pause = self.INTERVAL
        while not self._stop.acquire(timeout=pause):
            began = time.monotonic()
            try:
                self._make()
            except Exception as error:  # whatever it is, the next one may succeed
                process.say(f"no checkpoint could be made, trying again: {error}")
            pause = max(self.INTERVAL, (time.monotonic() - began) / self.SHARE)


def _private(path: Path) -> BinaryIO:
    """A file that only its owner may read, empty and open for writing."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    return os.fdopen(fd, "wb")


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
