"""A store in an SQLite file: `Space("sqlite:state.db")`.

How it stays right. Whoever changes a key holds it: a lock that the kernel frees when its holder
dies (`instep.stores.holds`, as the embedded store has it). A commit is one SQLite transaction that
compares the transaction ids of what was loaded, and writes all of its changes or none. SQLite's
connections must not cross a fork: they are closed before it, and both sides open their own. What
has expired is deleted by those who write such records, up to four for each.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from instep.errors import Misuse, StoreError
from instep.stores import process
from instep.stores.address import parse
from instep.stores.base import Change, Engine, Hold, Powers, Record, Store, T
from instep.stores.filelock import BUSY, FileLocks, file_locks
from instep.stores.folder import holders_table, make_folder
from instep.stores.holds import Closed, Holds
from instep.stores.keys import check_key
from instep.stores.local import LocalHold, unheld
from instep.stores.record import alive, next_txid

_TABLE = """
CREATE TABLE IF NOT EXISTS records (
    key BLOB PRIMARY KEY, version INTEGER, txid INTEGER, expires REAL, data BLOB
) WITHOUT ROWID
"""
_READ = "SELECT version, txid, expires, data FROM records WHERE key = ?"
_WRITE = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM records WHERE key = ?"
_INDEX = "CREATE INDEX IF NOT EXISTS expiring ON records (expires) WHERE expires > 0"
_FORGET = """
DELETE FROM records WHERE key IN (
    SELECT key FROM records WHERE expires > 0 AND expires <= ? ORDER BY expires LIMIT 4
)
"""
_SCAN = """
SELECT key, version, txid, expires, data FROM records
WHERE key >= ? AND key < ? AND key > ? AND (expires = 0 OR expires > ?) ORDER BY key LIMIT ?
"""
_OPENING = 10.0  # seconds that an opener waits for others
_BEYOND = b"\xff" * 4097  # behind every key

POWERS = Powers(several=True, durable=True, machines=False, leases=False)


class SqliteStore(Store):
    """Keeps records in an SQLite file, with three small files for the locks beside it.

    Args:
        path: of the file; made if it is missing, mode 0600.
    """

    powers = POWERS
    _connection: sqlite3.Connection | None
    _files: FileLocks | None
    _holds: Holds | None

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:{path}"
        self._path = path
        self._begin()
        process.watch(self)

    def read(self, key: bytes) -> Record | None:
        check_key(key)
        with self._database() as database:
            return alive(_record(database, key))

    def hold(self, keys: Collection[bytes], timeout: float, *, lease: float | None = None) -> Hold:
        while True:
            try:
                return SqliteHold(self, self._locks(), keys, timeout)
            except Closed:  # by another thread; the store opens again
                pass

    def update(
        self,
        key: bytes,
        change: Change[T],
        timeout: float,
        *,
        expires: float | None = None,
        version: int | None = None,
    ) -> T:
        def apply(database: sqlite3.Connection) -> T:
            record = _record(database, key)
            live = alive(record)
            old = live.data if live else None
            new, result = change(old)
            if new is not old or expires is not None:
                _put(database, key, record, new, expires, version)
            if expires:
                database.execute(_FORGET, (time.time(),))
            return result

        with self.hold((key,), timeout):
            return self.write(apply)

    def scan(
        self, prefix: bytes, after: bytes | None = None, limit: int = 1000
    ) -> list[tuple[bytes, Record]]:
        bounds = prefix, _end(prefix), after or b"", time.time(), limit
        with self._database() as database:
            return [(key, Record(*rest)) for key, *rest in database.execute(_SCAN, bounds)]

    def close(self) -> None:
        with self._mutex:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            # What a thread still holds it may keep: then the locks stay open.
            if self._holds is not None and self._files is not None and self._holds.close():
                self._files.close()
                self._holds = self._files = None

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run short work in a transaction that writes; all of it is there afterwards, or none."""
        with self._database() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                result = work(database)
                database.execute("COMMIT")
                return result
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise

    def record(self, key: bytes) -> Record | None:
        """What is stored under a key, expired or not."""
        with self._database() as database:
            return _record(database, key)

    def before_fork(self) -> None:
        self._mutex.acquire()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def after_fork_in_parent(self) -> None:
        self._mutex.release()

    def after_fork_in_child(self) -> None:
        process.forget(self._connection)  # there is one only if the fork ran no hooks (uWSGI)
        files = self._files
        self._begin()
        if files is not None:
            files.close()  # the parent's holds live on in its own descriptor

    def _begin(self) -> None:
        # The interpreter's own, also under gevent: nobody may yield inside a transaction.
        self._mutex: process.ReentrantLock = process.native("_thread", "RLock")()
        self._connection = self._files = self._holds = None

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """The process's connection, for one thread at a time."""
        if not process.here[0]:
            process.settle()
        with self._mutex:
            try:
                yield self._connection or self._open()
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"{self.url} cannot be used: {error}; check the file") from error

    def _open(self) -> sqlite3.Connection:
        make_folder(self._path.parent)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            with _alone(Path(f"{self._path}-opening")):
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_TABLE)
            connection.execute(_INDEX)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _locks(self) -> Holds:
        with self._database():  # makes the folder
            if self._holds is None:
                self._files = file_locks(Path(f"{self._path}-locks"))
                table = memoryview(holders_table(Path(f"{self._path}-holders")))
                self._holds = Holds(table, self._files)
            return self._holds


class SqliteHold(LocalHold[SqliteStore]):
    """Held keys of an SQLite store."""

    __slots__ = ()

    def load(self, key: bytes, *, updated: bool = False) -> bytes | None:
        check_key(key)
        record = self._seen[key] = self._place.record(key)
        live = alive(record)
        return live.data if live else None

    def _write(self, changes: Mapping[bytes, bytes | None]) -> None:
        def write(database: sqlite3.Connection) -> None:
            for key, data in changes.items():
                record, seen = _record(database, key), self._seen[key]
                # That an expired one was forgotten is no change.
                if record != seen and (record or alive(seen)):
                    raise unheld(key)
                _put(database, key, record, data)

        if changes:
            self._place.write(write)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time: SQLite's busy handler is not asked when a file is switched to WAL.

    The kernel ends the lock with its descriptor, so nobody waits for an opener that was killed.
    """
    sleep, deadline = process.native("time", "sleep"), time.monotonic() + _OPENING
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BUSY:
                if time.monotonic() > deadline:
                    raise
            sleep(0.001)
        yield
    finally:
        os.close(descriptor)


def _record(database: sqlite3.Connection, key: bytes) -> Record | None:
    found = database.execute(_READ, (key,)).fetchone()
    return Record(*found) if found else None


def _put(
    database: sqlite3.Connection,
    key: bytes,
    record: Record | None,
    data: bytes | None,
    expires: float | None = None,
    version: int | None = None,
) -> None:
    """Write what follows a record; without an expiry of its own it keeps that of a living one."""
    if data is None:
        database.execute(_DELETE, (key,))
        return
    live = alive(record)
    if expires is None:
        expires = live.expires if live else 0.0
    version = version or (record.version + 1 if record else 1)
    database.execute(_WRITE, (key, version, next_txid(), expires, data))


def _end(prefix: bytes) -> bytes:
    """What is behind all keys with a prefix, and before all others that are behind it."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else _BEYOND


def engine(url: str) -> Engine:
    """The engine of an SQLite store; nothing is touched.

    Args:
        url: `sqlite:PATH`.

    Raises:
        Misuse: it has no path, or options.
    """
    address = parse(url)
    address.allow()
    if not address.path or address.hosts or "\0" in address.path:
        raise Misuse("sqlite: needs a path, the file of the store: sqlite:PATH")
    path = Path(address.path).expanduser().absolute()
    return Engine(f"sqlite:{path}", POWERS, partial(SqliteStore, path))
