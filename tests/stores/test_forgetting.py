"""What has expired is forgotten by and by: how much is left, by whom, and what goes wrong."""

import os
import random
import signal
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import lmdb
import pytest
from test_postgres_contract import count

from actors import Child, until, url
from instep import StoreError
from instep.stores import engine, forgetting
from instep.stores.base import Store
from instep.stores.forgetting import EVERY, LOOKS, forget
from instep.stores.holds import TABLE_SIZE
from instep.stores.membership import AT_WALK, FORMAT, FORMAT_KEY
from instep.stores.memory import MemoryStore
from instep.stores.postgres.forgetting import MOST
from instep.stores.postgres.store import PostgresStore
from instep.stores.record import successor
from servers import Postgres

Fork = Callable[..., Child]
LONG = 10.0  # seconds


def put(data: bytes) -> Callable[[bytes | None], tuple[bytes, None]]:
    """A change that writes."""
    return lambda old: (data, None)


def entries(store: Any) -> int:
    """All that an embedded store has, without the entry that says whose file it is."""
    found: int = store._environment.read(lambda txn: txn.stat()["entries"])
    return found - 1


def litter(store: Store, numbers: range, name: bytes = b"passing") -> None:
    """Write records that have expired, each under a key of its own."""
    for number in numbers:
        store.update(b"%b %d" % (name, number), put(b"gone"), LONG, expires=time.time() - 100)


def stay(store: Store, numbers: range) -> None:
    """Write records that do not expire, behind all others."""
    for number in numbers:
        store.update(b"staying %d" % number, put(b"here"), LONG)


def all_there(store: Store, numbers: range) -> bool:
    """Whether those are all there."""
    return all(store.read(b"staying %d" % number) for number in numbers)


@pytest.fixture
def embedded(state: Path) -> Iterator[Store]:
    """An empty embedded store."""
    with closing(engine(url(state)).open()) as store:
        yield store


ORDERS: dict[str, Callable[[int], int]] = {
    "mixed": lambda n: n * 7919 % 1_000_003,
    "growing": lambda n: n,
    "shrinking": lambda n: 1_000_000 - n,
}


@pytest.mark.parametrize(("order", "share"), [("mixed", 3), ("growing", 3), ("shrinking", 2)])
def test_how_much_is_left(state: Path, order: str, share: int) -> None:
    """By the clock of the writes themselves: at most a third of what lives has expired, whatever
    order the keys come in, or half if each comes before all others."""
    lives, at, worst = 3000, b"", 0
    with lmdb.open(str(state), map_size=1 << 26, sync=False, writemap=True) as env:
        for now in range(1, 12 * lives, EVERY):
            with env.begin(write=True) as txn:
                txn.put(FORMAT_KEY, FORMAT)
                for number in range(now, now + EVERY):
                    key = b"k%07d" % ORDERS[order](number)
                    txn.put(key, successor(key, None, b"", float(number + lives)))
            with env.begin(write=True, buffers=True) as txn:
                at = forget(txn, at, now + EVERY)
                worst = max(worst, txn.stat()["entries"] - 1 - lives)
    assert worst <= lives / share + 2 * LOOKS
    assert worst > LOOKS  # or the clock of this test stands still


def test_how_much_is_left_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bound."""
    store, now, worst = MemoryStore(), 0.0, 0
    monkeypatch.setattr(time, "time", lambda: now)
    for number in range(30_000):
        now += 1.0
        store.update(b"k%d" % number, put(b""), LONG, expires=now + 3000)
        worst = max(worst, len(store._records) - 3000)
    assert 0 < worst <= 1000


def test_processes_share_the_walk(embedded: Store, fork: Fork) -> None:
    """Four of them leave no more than one would, although each looks only now and then."""
    stay(embedded, range(1000))
    names = [b"of %d" % number for number in range(4)]
    for child in [fork(litter, embedded, range(3000), name) for name in names]:
        child.result()
    assert entries(embedded) <= 1000 * 4 / 3 + 4 * EVERY + 2 * LOOKS
    assert all_there(embedded, range(1000))


def test_writers_are_killed(embedded: Store, fork: Fork) -> None:
    """Whatever they were at: what lasts is there, and others go on forgetting."""

    def work(turn: int) -> None:
        litter(embedded, range(1_000_000), b"of %d" % turn)

    stay(embedded, range(300))
    for turn in range(30):
        before = embedded._environment.read(lambda txn: txn.id())  # type: ignore[attr-defined]
        child = fork(work, turn)
        until(lambda: embedded._environment.read(lambda txn: txn.id()) > before + 100)  # type: ignore[attr-defined] # noqa: B023
        time.sleep(random.random() * 0.005)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    litter(embedded, range(2000))
    assert entries(embedded) <= 300 * 4 / 3 + EVERY + 2 * LOOKS
    assert all_there(embedded, range(300))


@pytest.mark.parametrize("noise", [b"\xff" * 482, b"\0" * 482, b"\x07\0\0\0\0\xff\xff\xff\xff"])
def test_the_place_of_the_walk_may_be_nonsense(embedded: Any, noise: bytes) -> None:
    """It lies in memory that a killed process may have left in any state."""
    stay(embedded, range(100))
    assert AT_WALK > TABLE_SIZE
    for turn in range(10):
        embedded._environment.table[AT_WALK : AT_WALK + len(noise)] = noise
        litter(embedded, range(turn * EVERY, turn * EVERY + EVERY))
    litter(embedded, range(500))
    assert entries(embedded) <= 100 * 4 / 3 + EVERY + 2 * LOOKS
    assert all_there(embedded, range(100))


def test_a_record_that_expires_while_it_is_held(embedded: Store) -> None:
    """Its holder commits what follows it, whether it was forgotten meanwhile or not."""
    for forgotten in (True, False):
        ends = time.time() + 0.3
        embedded.update(b"n", put(b"old"), LONG, expires=ends)
        with embedded.hold((b"n",), LONG) as hold:
            loaded = hold.load(b"n")
            until(lambda: time.time() > ends)  # noqa: B023
            if forgotten:
                litter(embedded, range(EVERY))
                assert embedded._environment.get(b"n")[0] is None  # type: ignore[attr-defined]
            hold.commit({b"n": (loaded or b"") + b"er"})
        record = embedded.read(b"n")
        assert record is not None
        assert record.data.endswith(b"er")
        assert record.expires == 0.0


def test_the_record_after_a_forgotten_one_is_the_first(embedded: Store) -> None:
    """Nobody has seen the one before."""
    for _ in range(5):
        embedded.update(b"n", put(b"a"), LONG, expires=time.time() + 1000)
    embedded.update(b"n", put(b"a"), LONG, expires=time.time() - 100)
    litter(embedded, range(EVERY))
    embedded.update(b"n", put(b"b"), LONG)
    record = embedded.read(b"n")
    assert record is not None
    assert record.version == 1


def test_large_records_are_not_copied(embedded: Store) -> None:
    """To look at one takes its header."""
    for number in range(20):
        embedded.update(b"large %d" % number, put(b"x" * (1 << 20)), LONG)
    tracemalloc.start()
    try:
        litter(embedded, range(EVERY))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1 << 20


def test_records_of_a_newer_release_stay(embedded: Any) -> None:
    """What stands in their headers is not known."""
    raw = bytearray(successor(b"newer", None, b"", time.time() - 100))
    raw[0] += 1
    embedded._environment.write(lambda txn: txn.put(b"newer", bytes(raw)))
    litter(embedded, range(500))
    assert embedded._environment.get(b"newer")[0] == bytes(raw)
    assert embedded._environment.get(FORMAT_KEY)[0] == FORMAT


def test_trouble_is_not_the_writer_s(embedded: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What he wrote is there, and was told so."""
    tried = []

    def fail(*_: object) -> bytes:
        tried.append(1)
        raise StoreError("the disk is full")

    monkeypatch.setattr(forgetting, "forget", fail)
    litter(embedded, range(EVERY))
    stay(embedded, range(3))
    assert tried
    assert all_there(embedded, range(3))


@pytest.fixture
def rows(postgres_server: Postgres) -> Iterator[Any]:
    """An empty store in PostgreSQL."""
    with closing(engine(postgres_server.url).open()) as store:
        yield store


def rows_of(store: Any) -> int:
    """All rows."""
    return count(store, "SELECT count(*) FROM {records}")


def forget_now(store: Any) -> float:
    """Let a store forget, as after a write; seconds that it took."""
    link, began = store.pool.spare(), time.monotonic()
    assert link is not None
    store._forgetting._forget(link)
    return time.monotonic() - began


def fill(store: Any, number: int, expires: float = 1.0) -> None:
    """Write rows past the store, whose own writes make it forget now and then."""
    store.read(b"nothing")  # makes the tables
    text = (
        "WITH made AS (INSERT INTO {records} SELECT convert_to('old ' || n, 'UTF8'), NULL, 1, n, "
        f"{expires}, '' FROM generate_series(1, {number}) AS n RETURNING 1) "
    )
    assert count(store, text + "SELECT count(*) FROM made") == number


def test_rows_that_are_held_are_passed_over(rows: Any) -> None:
    """Nobody waits for one who holds them; they go when he is done."""
    fill(rows, 20)
    with closing(PostgresStore(rows.pool.settings)) as other:
        with other.hold((b"old 1", b"old 2"), LONG) as hold:
            assert hold.load(b"old 1") is None
            assert forget_now(rows) < LONG
            assert rows_of(rows) == 2
            hold.commit({b"old 1": b"new"})
        forget_now(rows)
        assert rows_of(rows) == 1
        assert other.read(b"old 1").data == b"new"  # type: ignore[union-attr]


def test_a_bounded_number_of_rows_goes_at_once(rows: Any) -> None:
    """Oldest first, and only those that expired a while ago: clocks differ."""
    litter(rows, range(10))
    rows.update(b"just now", put(b""), LONG, expires=time.time() - 0.5)
    rows.update(b"later", put(b""), LONG, expires=time.time() + 1000)
    rows.update(b"never", put(b""), LONG)
    forget_now(rows)
    assert rows_of(rows) == 3
    fill(rows, MOST + 50)
    forget_now(rows)
    assert rows_of(rows) == 53
    forget_now(rows)
    assert rows_of(rows) == 3


def test_it_waits_for_no_lock(rows: Any, postgres_server: Postgres) -> None:
    """A table that is locked as a whole, an index that is gone, a server that is gone."""
    fill(rows, 10)
    with closing(PostgresStore(rows.pool.settings)) as other:
        link = other.pool.take(time.monotonic() + LONG)
        link.run("BEGIN", LONG)
        link.run("LOCK TABLE instep.records IN ACCESS EXCLUSIVE MODE", LONG)
        assert forget_now(rows) < LONG
        link.run("ROLLBACK", LONG)
        assert rows_of(rows) == 10
        other.pool.give(link)
    postgres_server.sql("DROP INDEX instep.records_expires")
    forget_now(rows)
    assert rows_of(rows) == 10
    postgres_server.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE usename = 'instep' AND pid <> pg_backend_pid()"
    )
    while (link := rows.pool.spare()) is not None:
        rows._forgetting._forget(link)
    litter(rows, range(3 * 64))


def test_without_a_spare_connection_it_is_left_to_the_next(rows: Any) -> None:
    """All may be in use, or wanted; and no right to one is lost over that."""
    litter(rows, range(10))
    fill(rows, 20)
    free, link = rows.pool._permits.qsize(), rows.pool.spare()
    for _ in range(64):
        rows._forgetting.after_write()
    rows.pool.give(link)
    assert rows.pool._permits.qsize() == free
    assert rows_of(rows) >= 20
    for _ in range(64):
        rows._forgetting.after_write()
    assert rows.pool._permits.qsize() == free
    assert rows_of(rows) == 0


def test_the_index_finds_them(rows: Any) -> None:
    """However many rows there are that have not expired."""
    stay(rows, range(1))
    fill(rows, 20_000, 0.0)
    litter(rows, range(10))
    link = rows.pool.take(time.monotonic() + LONG)
    link.run("ANALYZE instep.records", LONG)
    text = rows.pool.statements.text("forget").replace("$1", "2.0").replace("$2", "256")
    plan = link.run(f"EXPLAIN {text}", LONG)
    lines = b"\n".join(plan.get_value(row, 0) for row in range(plan.ntuples))
    assert b"records_expires" in lines
    assert b"Seq Scan" not in lines
    rows.pool.give(link)


def test_tables_of_an_older_release_get_their_index(rows: Any, postgres_server: Postgres) -> None:
    """From the next process that comes; and the rows that it finds go."""
    litter(rows, range(50))
    rows.close()
    postgres_server.sql("DROP INDEX instep.records_expires")
    with closing(PostgresStore(rows.pool.settings)) as other:
        litter(other, range(50, 50 + 64))
        assert rows_of(other) < 64


def test_an_index_that_cannot_be_made_is_said(
    rows: Any, postgres_server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """With what its owner has to run; everything else works."""
    stay(rows, range(1))
    rows.close()
    postgres_server.sql(
        "DROP INDEX instep.records_expires; ALTER TABLE instep.records OWNER TO postgres;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON instep.records TO instep"
    )
    with closing(PostgresStore(rows.pool.settings)) as other:
        litter(other, range(64))
        assert rows_of(other) == 65
    assert 'CREATE INDEX IF NOT EXISTS records_expires ON "instep".records' in caplog.text
    with suppress(StoreError):
        postgres_server.sql("ALTER TABLE instep.records OWNER TO instep")
