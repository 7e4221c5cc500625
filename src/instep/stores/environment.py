"""An LMDB environment that survives forks, grows, and is opened once per process.

How it stays right. LMDB forbids opening a file twice in a process and carrying it over a fork, so a
process has one `Environment` per folder, and a fork waits for the transactions that are under way
and closes it; both sides open it again at their next use. Three native locks order the use of it in
a process (`writing`, `copying`, `reading`, always taken in this order); a fork and a new map size
take all three. No user code ever runs between begin and commit.

The data file is allocated as far as it is mapped, because a write to a hole of a mapped file on a
full disk kills the process; and it is mapped at least as far as it is long, because LMDB cuts it to
the map's size, which would take the ground from under the other processes.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import lmdb

from ..errors import StoreError
from . import process
from .checkpoint import Checkpoints, Durability
from .datafile import allocate, check
from .folder import PATIENCE, advice, make_folder
from .holds import Holds
from .membership import COPY, GROW, OPEN, Membership

T = TypeVar("T")

_FIRST_SIZE = 1 << 20
_GROWTH = 1 << 30  # the file doubles up to this many bytes at a time
_READERS = 1024
_LOCK_FILE = 8192 + 64 * _READERS

_begin: Callable[..., lmdb.Transaction] = lmdb.Environment.begin


class Environment:
    """One folder's LMDB environment in this process.

    Args:
        folder: absolute path; made if it is missing.
        durability: when commits reach the disk.
    """

    def __init__(self, folder: Path, durability: Durability) -> None:
        self.folder = folder
        self.durability = durability
        self._env: lmdb.Environment | None
        self._member: Membership | None
        self._holds: Holds | None
        self._checkpoints: Checkpoints | None
        self._inside: bool  # a write transaction of this process is under way
        self._reset()
        process.watch(self)

    def read(self, work: Callable[[lmdb.Transaction], T]) -> T:
        """Run short pure work in a snapshot."""
        if not process.here[0]:
            process.settle()
        while True:
            with self._reading:
                env = self._env or self._open()
                try:
                    with _begin(env) as txn:
                        return work(txn)
                except lmdb.MapResizedError:
                    pass
                except lmdb.ReadersFullError as error:
                    if not env.reader_check():  # nobody is dead: there are too many
                        raise broken(self.folder, error) from error
                    continue
                except lmdb.Error as error:
                    raise broken(self.folder, error) from error
            with self._writing:
                self._resize(grow=False)

    def get(self, stored: bytes) -> tuple[bytes | None, int]:
        """One stored record, and the id of the last transaction before it was read."""
        with self._reading:
            try:
                txn = _begin(self._env or self._open())
                found = fetch(txn, stored), txn.id()
                txn.abort()
                return found
            except (lmdb.MapResizedError, lmdb.ReadersFullError):
                pass
            except lmdb.Error as error:
                raise broken(self.folder, error) from error
        return self.read(lambda txn: (fetch(txn, stored), txn.id()))

    def write(self, work: Callable[[lmdb.Transaction], T], *, buffers: bool = False) -> T:
        """Run short pure work that changes the file; it may run more than once.

        The caller has asked for `holds` before.

        Args:
            work: is given the transaction.
            buffers: let it see the file's own memory instead of copies.
        """
        with self._writing:
            if self._inside or self._reading._is_owned() or self._copying._is_owned():
                raise process.reentered(self.folder)
            self._inside = True
            try:
                while True:
                    try:
                        txn = _begin(self._env or self._open(), None, None, True, buffers)
                        try:
                            result = work(txn)
                            txn.commit()
                        except BaseException:
                            txn.abort()
                            raise
                        return result
                    except lmdb.MapResizedError:
                        self._resize(grow=False)
                    except lmdb.MapFullError:
                        self._make_room()
                    except lmdb.Error as error:
                        raise broken(self.folder, error) from error
            finally:
                self._inside = False

    def _make_room(self) -> None:
        """Space that a killed reader pins comes first, then a larger file."""
        if not (self._env or self._open()).reader_check():
            self._resize(grow=True)

    def holds(self) -> Holds:
        """The holds of this process on the folder's keys."""
        if not process.here[0]:
            process.settle()
        holds = self._holds
        while holds is None:
            with self._reading:
                self._env or self._open()
            holds = self._holds
        return holds

    @property
    def table(self) -> mmap.mmap:
        """The memory that the processes share; for work that is under way."""
        assert self._member is not None
        return self._member.table

    @property
    def closed(self) -> bool:
        """Whether this process has not joined those that have the store open."""
        return self._member is None

    def uses(self, holds: Holds) -> bool:
        """Whether these are the holds in use; asked inside a transaction."""
        return self._holds is holds

    def checkpoint(self) -> bool:
        """Make a checkpoint if there is something new and nobody else is at it."""
        with self._copying:
            member = self._member
            if member is None or not member.locks.take(COPY):
                return False
            try:
                with explained(self.folder):
                    return member.copy(self._env or self._open())
            finally:
                member.locks.free(COPY)

    def close(self, patience: float = PATIENCE) -> None:
        """Close the file; the last process to do so syncs it and marks it clean.

        Args:
            patience: seconds to wait for what other threads of this process hold.

        Raises:
            StoreError: they held it for longer; the store stays open.
        """
        deadline = time.monotonic() + patience
        while not self._try_close():
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{self.folder} was not closed: this process has held an object in it for "
                    f"{patience:g} s"
                )
            time.sleep(0.001)

    def _try_close(self) -> bool:
        with self._writing, self._copying, self._reading:
            if self._inside:
                raise process.reentered(self.folder)
            member, holds = self._member, self._holds
            if member is None or holds is None:
                return True
            try:
                with explained(self.folder), member.turn(OPEN):
                    if not holds.close():
                        return False
                    self._leave(member)
            finally:
                if holds.closed:  # whatever came of it: the next use opens it again
                    self._forget(member)
            return True

    def _forget(self, member: Membership) -> None:
        if self._checkpoints is not None:
            self._checkpoints.stop()
        self._env = self._member = self._holds = self._checkpoints = None
        member.close()

    def _leave(self, member: Membership) -> None:
        try:
            env, last = self._env, member.last()
            if env is None and last:  # it was closed for a fork
                env = self._map(member)
            if env is not None:
                try:
                    if last:
                        member.end(env)
                finally:
                    env.close()
        finally:
            member.leave()

    def before_fork(self) -> None:
        self._writing.acquire()
        self._copying.acquire()
        self._reading.acquire()
        if self._env is not None:
            self._env.close()
            self._env = None

    def after_fork_in_parent(self) -> None:
        self._reading.release()
        self._copying.release()
        self._writing.release()

    def after_fork_in_child(self) -> None:
        if self._pid == os.getpid():
            return  # another thread has seen to it
        env, member = self._env, self._member
        locks = (self._writing, self._copying, self._reading)
        busy = not all(lock.acquire(blocking=False) for lock in locks)
        self._reset()
        if env is not None:  # only when the fork ran no hooks
            if busy:
                raise StoreError(
                    f"{self.folder} was in use at the moment of a fork that ran none of Python's "
                    "fork hooks: under uWSGI, set lazy-apps or py-call-osafterfork"
                )
            env.close()
        if member is not None:
            member.close()  # the parent's holds live on in its own copy of the descriptor

    def _reset(self) -> None:
        # Reentrant, so that a signal handler or a finalizer that comes in between does not wait for
        # its own thread: it may read, and is refused if it would write.
        lock = process.native("_thread", "RLock")
        self._writing: process.ReentrantLock = lock()
        self._copying: process.ReentrantLock = lock()
        self._reading: process.ReentrantLock = lock()
        self._opening: process.ReentrantLock = lock()
        self._inside = False
        self._pid = os.getpid()
        self._env = self._member = self._holds = self._checkpoints = None

    def _open(self) -> lmdb.Environment:
        if self._opening._is_owned():
            raise process.reentered(self.folder)
        with self._opening:
            if self._env is None:
                with explained(self.folder):
                    if self._member is None:
                        self._enter()
                    else:  # closed for a fork: the session goes on
                        with self._member.turn(OPEN):
                            self._env = self._map(self._member)
            assert self._env is not None
            return self._env

    def _enter(self) -> None:
        """Join the processes that have the store open, or be the first."""
        make_folder(self.folder)
        member = Membership(self.folder, self.durability)
        env: lmdb.Environment | None = None
        try:
            with member.turn(OPEN):
                member.join()
                env = self._map(member)
                member.begin(env)
        except BaseException:
            if env is not None:
                env.close()
            member.close()
            raise
        self._holds = Holds(memoryview(member.table), member.locks)
        self._member = member
        self._env = env  # last: who finds it finds the others
        if self.durability is Durability.CHECKPOINT and not process.will_fork():
            self._checkpoints = Checkpoints(self.checkpoint)

    def _map(self, member: Membership) -> lmdb.Environment:
        # Nobody may make the file larger between the look at its length and its mapping.
        with member.turn(GROW):
            return self._open_lmdb(member.data, member.alone)

    def _open_lmdb(self, data: Path, alone: bool) -> lmdb.Environment:
        synced = self.durability is Durability.COMMIT
        check(data)
        allocate(self.folder / "lock.mdb", _LOCK_FILE)
        env = lmdb.open(
            str(self.folder),
            map_size=max(_FIRST_SIZE, data.stat().st_size if data.exists() else 0),
            sync=synced,
            metasync=synced,
            writemap=True,
            readahead=False,
            max_readers=_READERS,
            mode=0o600,
        )
        try:
            if alone:  # LMDB makes a new file with holes, and a full disk may have left some
                allocate(data, _FIRST_SIZE, whole=True)
        except BaseException:
            env.close()
            raise
        return env

    def _resize(self, *, grow: bool) -> None:
        """Map what another process has made larger, or make it larger; `writing` is held."""
        with self._copying, self._reading, explained(self.folder):
            env, member = self._env, self._member
            if env is None or member is None:
                return
            with member.turn(GROW):
                size, mapped = member.data.stat().st_size, env.info()["map_size"]
                if grow and size <= mapped:
                    size = allocate(member.data, size + min(size, _GROWTH))
                env.set_mapsize(size)


fetch: Callable[[lmdb.Transaction, bytes], bytes | None] = lmdb.Transaction.get  # type: ignore[assignment]
"""Typed for `buffers=False`, where LMDB's binding gives bytes."""


def broken(folder: Path, error: lmdb.Error) -> StoreError:
    """The error for what LMDB says."""
    hint = "; make room on the disk" if isinstance(error, lmdb.DiskError) else ""
    return StoreError(f"the embedded store at {folder} cannot be used: {error}{hint}")


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what the system or LMDB says into what a person can do."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"the embedded store at {folder} cannot be used: {error.strerror or error} "
            f"({error.filename or folder}): {advice(error)}"
        ) from error
    except lmdb.Error as error:
        raise broken(folder, error) from error
