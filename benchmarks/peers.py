"""The contenders of a single call, each as its own manual would have it done."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import diskcache  # type: ignore[import-untyped]
import lmdb
import redis

from benchmarks.board import BoardClient, board_client
from benchmarks.rounds import Action
from instep import Space, readonly
from instep.races.servers import HOST

CHANGE, ENTRY, READ = "change", "entry", "read"
RAW = "raw LMDB transaction"
Actions = dict[str, dict[str, Action]]
"""Contenders' calls by kind, then by name."""


class Tally:
    """The object of every comparison: one number, and a method that counts on."""

    def __init__(self) -> None:
        self.total = 0

    def add(self) -> int:
        self.total += 1
        return self.total

    @readonly
    def seen(self) -> int:
        return self.total


def plain() -> Actions:
    """A plain object and a plain dictionary: right in one thread of one process."""
    tally, table = Tally(), {"key": 1}
    return {
        CHANGE: {"plain global": tally.add},
        ENTRY: {"plain global": lambda: table.update(key=1)},
        READ: {"plain global": tally.seen},
    }


def locked() -> Actions:
    """The same behind a lock: right in all threads of one process."""
    tally, lock = Tally(), threading.Lock()

    def add() -> int:
        with lock:
            return tally.add()

    return {CHANGE: {"threading.Lock + global": add}}


def ours(space: Space) -> Actions:
    """Shared objects in the embedded store, with its default durability."""
    tally, counter = space.share("tally", Tally), space.counter("counter")
    mapping = space.mapping("mapping")
    mapping["key"] = 1
    return {
        CHANGE: {"shared object: method call": tally.add, "counter.increment": counter.increment},
        ENTRY: {"mapping: set an entry": lambda: mapping.__setitem__("key", 1)},
        READ: {
            "shared object: attribute": lambda: tally.total,
            "shared object: readonly method": tally.seen,
            "counter.value": lambda: counter.value,
            "mapping: get an entry": lambda: mapping["key"],
        },
    }


def raw(env: Any) -> Actions:
    """One LMDB transaction, and nothing else: the floor that the embedded store stands on."""

    def increment() -> int:
        with env.begin(write=True) as txn:
            number = int(txn.get(b"number", b"0")) + 1
            txn.put(b"number", b"%d" % number)
        return number

    def put() -> None:
        with env.begin(write=True) as txn:
            txn.put(b"key", b"1")

    def get() -> bytes:
        with env.begin() as txn:
            found: bytes = txn.get(b"key")
        return found

    return {CHANGE: {RAW: increment}, ENTRY: {RAW: put}, READ: {RAW: get}}


def disk(cache: Any) -> Actions:
    """diskcache, which keeps a cache in SQLite."""
    cache.set("key", 1)
    return {
        CHANGE: {"diskcache incr": lambda: cache.incr("number")},
        ENTRY: {"diskcache set": lambda: cache.set("key", 1)},
        READ: {"diskcache get": lambda: cache.get("key")},
    }


class Row:
    """A counter in SQLite: write-ahead log, synchronous=NORMAL, one connection of its own.

    Args:
        path: the database's file, made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        execute = self.connection.execute
        execute("pragma busy_timeout = 30000")
        execute("pragma journal_mode = wal")
        execute("pragma synchronous = normal")
        execute("create table if not exists tally (key text primary key, total integer)")
        execute("insert or ignore into tally values ('key', 0)")
        self.execute = execute

    def increment(self) -> int:
        """Count on, and return the number that it made."""
        execute = self.execute
        execute("begin immediate")
        query = "update tally set total = total + 1 where key = 'key' returning total"
        total: int = execute(query).fetchall()[0][0]
        execute("commit")
        return total

    def put(self) -> None:
        """Write the row; a statement of its own is a transaction."""
        self.execute("insert or replace into tally values ('other', 1)")

    def get(self) -> int:
        """Read the row."""
        total: int = self.execute("select total from tally where key = 'key'").fetchone()[0]
        return total

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def sqlite(row: Row) -> Actions:
    """SQLite through the standard library."""
    return {
        CHANGE: {"SQLite, WAL, synchronous=NORMAL": row.increment},
        ENTRY: {"SQLite, WAL, synchronous=NORMAL": row.put},
        READ: {"SQLite, WAL, synchronous=NORMAL": row.get},
    }


def remote(client: "redis.Redis") -> Actions:
    """Redis over the loopback address."""
    client.set("key", 1)
    return {
        CHANGE: {"redis-py INCR, loopback": lambda: client.incr("number")},
        ENTRY: {"redis-py SET, loopback": lambda: client.set("key", 1)},
        READ: {"redis-py GET, loopback": lambda: client.get("key")},
    }


def managed(board: BoardClient) -> Actions:
    """multiprocessing.Manager: its lock, get, set; its dictionary."""
    table = board.table
    table["key"] = 1
    return {
        CHANGE: {"Manager: lock, get, set": board.increment},
        ENTRY: {"Manager: dict, set": lambda: table.__setitem__("key", 1)},
        READ: {"Manager: dict, get": lambda: table["key"]},
    }


@contextmanager
def contenders(folder: Path, redis_port: int | None, manager: str) -> Iterator[Actions]:
    """All of them, opened in one folder; Redis only where there is one."""
    with (
        closing(Space(f"lmdb:{folder / 'ours'}")) as space,
        closing(raw_environment(folder / "raw")) as env,
        closing(diskcache.Cache(str(folder / "diskcache"))) as cache,
        closing(Row(folder / "rows.sqlite")) as row,
        closing(redis.Redis(HOST, redis_port or 0)) as client,
    ):
        everybody = [plain(), locked(), raw(env), ours(space), sqlite(row), disk(cache)]
        everybody += [remote(client)] if redis_port else []
        everybody += [managed(board_client(manager))]
        yield {
            kind: {name: action for one in everybody for name, action in one.get(kind, {}).items()}
            for kind in (CHANGE, ENTRY, READ)
        }


def raw_environment(folder: Path) -> Any:
    """LMDB as fast as it goes: a writable map, no sync per commit."""
    env = lmdb.open(str(folder), map_size=1 << 30, writemap=True, sync=False)
    with env.begin(write=True) as txn:
        txn.put(b"key", b"1")
    return env
