"""Who has an embedded store open: the first one mends and adopts it, the last one leaves it clean.

How it stays right. Every process shares a file lock for as long as it has the store open; who can
have it exclusively is alone. Opening, closing, growing and copying go one process at a time.
"""

from __future__ import annotations

import os
import struct
from contextlib import AbstractContextManager
from pathlib import Path

import lmdb

from ..errors import StoreError
from . import process
from .checkpoint import Durability, Session
from .filelock import file_locks
from .folder import holders_table, in_turn
from .holds import TABLE_SIZE

# File locks (below `filelock.RESERVED`) for what the processes do one at a time.
OPEN, GROW, COPY = 0, 1, 2
_ALIVE = {False: 3, True: 4}  # shared by every process that has the store open; by synced or not

# Behind the rows of the holds: up to which transaction the checkpoint reaches; where pids count;
# where the walk over expired records is (`forgetting`).
_TXID = struct.Struct("<Q")
_AT_TXID, _AT_NAMESPACE, AT_WALK = TABLE_SIZE, TABLE_SIZE + 8, TABLE_SIZE + 16

FORMAT_KEY, FORMAT = b"\0instep", b"1"


class Membership:
    """This process among those that have a store open.

    Args:
        folder: the store's folder.
        durability: how this process writes.
    """

    def __init__(self, folder: Path, durability: Durability) -> None:
        self._folder = folder
        self._durability = durability
        self._session = Session(folder, durability)
        self._current = False
        self.alone = False
        self.data = self._session.data
        self.locks = file_locks(folder / "locks")
        try:
            self.table = holders_table(folder / "holders")
        except BaseException:
            self.locks.close()
            raise

    def turn(self, number: int) -> AbstractContextManager[None]:
        """Let one process at a time do this: `OPEN`, `GROW` or `COPY`."""
        return in_turn(self._folder, self.locks, number)

    def join(self) -> None:
        """Be counted, and mend the data file if the machine died; the turn to open is ours."""
        locks = self.locks
        synced = self._durability is Durability.COMMIT
        self.alone = locks.take(_ALIVE[synced])
        if not locks.take(_ALIVE[not synced]):
            raise StoreError(
                f"{self._folder} is open in another process with a weaker or stronger durability: "
                "give every process the same ?durability="
            )
        locks.free(_ALIVE[not synced])
        if not locks.share(_ALIVE[synced]):
            raise StoreError(f"{self._folder}: lost a lock that this process held; open it again")
        self._check_containers()
        self._current = self._session.mend(self.alone)

    def begin(self, env: lmdb.Environment) -> None:
        """The first to open the file checks whose it is, and begins the session."""
        if self.alone:
            self._adopt(env)
            self.alone = False  # from here on others may come

    def last(self) -> bool:
        """Whether everybody else has left; the turn to open is ours."""
        taken = [self.locks.take(alive) for alive in _ALIVE.values()]
        return all(taken)

    def end(self, env: lmdb.Environment) -> None:
        """Leave a data file that the next boot of the machine can trust."""
        env.sync(True)
        current = False
        if self._durability is Durability.CHECKPOINT:
            try:
                self.copy(env)
                current = True
            except (OSError, lmdb.Error) as error:  # the data file is whole all the same
                process.say(f"no checkpoint could be made when {self._folder} was closed: {error}")
        self._session.end(current)

    def leave(self) -> None:
        """Be counted no more, while the turn is still ours: who comes next must not be misled."""
        for alive in _ALIVE.values():
            self.locks.free(alive)

    def close(self) -> None:
        """Leave, and let go of every lock."""
        self.locks.close()

    def _adopt(self, env: lmdb.Environment) -> None:
        env.reader_check()
        with env.begin() as txn:
            form, empty = txn.get(FORMAT_KEY), txn.stat()["entries"] == 0
        if form is None and not empty:
            raise StoreError(
                f"{self._folder} holds an LMDB file that instep did not make: choose another folder"
            )
        if form not in (None, FORMAT):
            raise StoreError(
                f"{self._folder} was written by a newer release of instep (format "
                f"{form!r}, this one knows {FORMAT!r}): upgrade this one"
            )
        if form is None:
            with env.begin(write=True) as txn:
                txn.put(FORMAT_KEY, FORMAT)
        if self._durability is Durability.COMMIT:
            env.sync(True)
        elif self._durability is Durability.CHECKPOINT:
            if self._current:
                _TXID.pack_into(self.table, _AT_TXID, env.info()["last_txnid"])
            else:  # nothing may be lost but what is committed from now on
                self.copy(env)
        self._session.begin()

    def copy(self, env: lmdb.Environment) -> bool:
        """Make a checkpoint if there is anything new; `COPY` or `OPEN` is held."""
        txid = env.info()["last_txnid"]
        if txid == _TXID.unpack_from(self.table, _AT_TXID)[0] and self._session.checkpoint.exists():
            return False
        self._session.copy(lambda fd: env.copyfd(fd, compact=True))
        _TXID.pack_into(self.table, _AT_TXID, txid)
        return True

    def _check_containers(self) -> None:
        """LMDB tells readers apart by process id, so all must be counted in one namespace."""
        try:
            here = os.stat("/proc/self/ns/pid").st_ino
        except OSError:
            return
        if self.alone:
            _TXID.pack_into(self.table, _AT_NAMESPACE, here)
        elif _TXID.unpack_from(self.table, _AT_NAMESPACE)[0] != here:
            raise StoreError(
                f"{self._folder} is open in another container, with process ids of its own: let "
                "the containers share one PID namespace, or use a server"
            )
