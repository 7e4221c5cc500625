"""PostgreSQL: tables made by many at once, and one clear error for each thing that is wrong."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import psycopg
import pytest

from actors import Child, Gate
from instep import LockTimeout, Misuse, Space, StoreError
from instep.stores import engine
from instep.stores.postgres import PostgresStore
from instep.testing.steps import LONG, add_one, data, put
from servers import Postgres, free_port

Fork = Callable[..., Child]


@pytest.fixture
def opened() -> Iterator[Callable[[str], PostgresStore]]:
    """Open stores by URL; they are closed at the end."""
    with ExitStack() as stack:

        def open_(url: str) -> PostgresStore:
            store = engine(url).open()
            assert isinstance(store, PostgresStore)
            return stack.enter_context(closing(store))

        yield open_


Open = Callable[[str], PostgresStore]


def told(act: Callable[[], object]) -> str:
    """The message of the StoreError that it raises; no password is in it."""
    with pytest.raises(StoreError) as caught:
        act()
    assert "secret" not in str(caught.value)
    return str(caught.value)


def test_eight_processes_that_start_at_once(postgres_server: Postgres, fork: Fork) -> None:
    """The tables are made once, and everybody counts."""
    url, gate = postgres_server.url, Gate()

    def start() -> list[int]:
        gate.pass_through()
        counter = Space(url).counter("n")
        return [counter.increment() for _ in range(5)]

    children = [fork(start) for _ in range(8)]
    gate.open(8)
    numbers = [number for child in children for number in child.result()]
    assert sorted(numbers) == list(range(1, 41))


def test_two_schemas_do_not_see_each_other(postgres_server: Postgres, opened: Open) -> None:
    """Each is a store of its own."""
    one, two = opened(f"{postgres_server.url}?schema=One_1"), opened(postgres_server.url)
    one.update(b"n", put(b"one"), LONG)
    assert two.read(b"n") is None
    two.hold((b"n",), 0).release()
    assert two.scan(b"") == []
    found = postgres_server.sql("SELECT schemaname FROM pg_tables WHERE tablename = 'records'")
    assert {name for (name,) in found} == {"One_1", "instep"}


@pytest.mark.parametrize(
    "options",
    [
        *("schema=", "schema=a-b", 'schema=a"b', "schema=1a", "schema=pg_a", "schema=" + "a" * 64),
        *("pool=1", "pool=x", "lease=0", "lease=-1", "prepare=maybe", "unknown=1", "schema=ä"),
    ],
)
def test_options_that_are_refused(options: str) -> None:
    """At the declaration, without a server, and without the password."""
    with pytest.raises(Misuse) as caught:
        engine(f"postgresql://me:secret@127.0.0.1:1/db?{options}")
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there(opened: Open) -> None:
    """It is told at once, with the place."""
    port, began = free_port(), time.monotonic()
    store = opened(f"postgresql://me:secret@127.0.0.1:{port}/db")
    for act in (
        lambda: store.read(b"n"),
        lambda: store.update(b"n", add_one, LONG),
        lambda: store.hold((b"n",), LONG),
    ):
        said = told(act)
        assert f"postgresql://me:***@127.0.0.1:{port}/db" in said
        assert "see that the server runs" in said
    assert time.monotonic() - began < LONG


def test_a_wrong_password_and_a_wrong_database(postgres_server: Postgres, opened: Open) -> None:
    """Each is named, and what to do."""
    url = postgres_server.url
    wrong = opened(url.replace(postgres_server.password, "secret"))
    assert "check the user and the password" in told(lambda: wrong.read(b"n"))
    nowhere = opened(url.removesuffix("/instep") + "/nowhere")
    assert "make it with createdb" in told(lambda: nowhere.read(b"n"))
    nobody = opened(postgres_server.unix_url.replace("instep@", "nobody_here@"))
    assert "check the user" in told(lambda: nobody.read(b"n"))


def test_tls_that_does_not_fit(postgres_server: Postgres, opened: Open) -> None:
    """The client wants what the server has not, or does not trust its certificate."""
    plain = opened(f"{postgres_server.url}?sslmode=require")
    assert "check sslmode=" in told(lambda: plain.read(b"n"))
    with Postgres(tls=True, fsync=False) as server:
        right = opened(f"{server.url}?sslmode=verify-full&sslrootcert={server.ca}")
        assert right.update(b"n", add_one, LONG) == 1
        wrong = opened(f"{server.url}?sslmode=verify-full&sslrootcert={server.key}")
        assert "check sslmode=" in told(lambda: wrong.read(b"n"))


def test_too_many_clients(opened: Open) -> None:
    """A process that has a connection goes on with it; one that has none is told."""
    with Postgres({"max_connections": 6}, fsync=False) as server, ExitStack() as others:
        store = opened(server.url)
        store.update(b"n", add_one, LONG)
        for _ in range(2):
            others.enter_context(psycopg.connect(server.url))
        assert store.update(b"n", add_one, LONG) == 2
        other = PostgresStore(store.pool.settings)
        assert "max_connections" in told(lambda: other.hold((b"n",), 0.2))


def test_a_pool_that_is_exhausted(postgres_server: Postgres, opened: Open) -> None:
    """The wait is bounded, the error says so, and reads go on."""
    store = opened(f"{postgres_server.url}?pool=3")
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as two:
        first = one.submit(store.hold, (b"a",), LONG).result()
        second = two.submit(store.hold, (b"b",), LONG).result()
    said = told(lambda: store.hold((b"c",), 0.2))
    assert re.search(r"all 3 connections of this process were in use for [\d.]+ s", said)
    assert "?pool=" in said
    assert store.read(b"c") is None
    first.release()
    store.hold((b"c",), 0.2).release()
    second.release()


def test_tables_of_a_newer_release(postgres_server: Postgres, opened: Open) -> None:
    """They are left alone."""
    opened(postgres_server.url).update(b"n", put(b"a"), LONG)
    postgres_server.sql("UPDATE instep.meta SET schema_version = 2")
    newer = PostgresStore(opened(postgres_server.url).pool.settings)
    assert "upgrade it here too" in told(lambda: newer.read(b"n"))


def test_a_role_without_rights(opened: Open) -> None:
    """It is told the SQL that an administrator has to run, which helps."""
    with Postgres(fsync=False) as server:
        server.sql("ALTER DATABASE instep OWNER TO postgres")
        store = opened(server.url)
        said = told(lambda: store.update(b"n", add_one, LONG))
        assert "permission denied" in said
        server.sql(said.partition("grants it with\n")[2])
        assert store.update(b"n", add_one, LONG) == 1
        server.sql("REVOKE ALL ON ALL TABLES IN SCHEMA instep FROM instep")
        server.sql("ALTER TABLE instep.records OWNER TO postgres")
        said = told(lambda: store.update(b"n", add_one, LONG))
        server.sql(said.partition("grants it with\n")[2])
        assert store.update(b"n", add_one, LONG) == 2


def test_a_replica_reads_and_does_not_write(opened: Open) -> None:
    """The error says that it is one; a URL of both finds the primary."""
    with Postgres(fsync=False) as primary:
        store = opened(primary.url)
        store.update(b"n", put(b"a"), LONG)
        with primary.replica() as standby:
            replica = opened(standby.url)
            assert data(replica, b"n") == b"a"
            assert [key for key, _ in replica.scan(b"")] == [b"n"]
            for act in (
                lambda: replica.update(b"n", put(b"b"), LONG),
                lambda: replica.hold((b"new",), LONG),
            ):
                assert "this is a replica" in told(act)
            both = primary.url.replace("@", f"@127.0.0.1:{standby.port},")
            either = opened(f"{both}?target_session_attrs=read-write")
            either.update(b"n", put(b"c"), LONG)
            assert data(store, b"n") == b"c"


def test_a_database_with_defaults_of_its_own(postgres_server: Postgres, opened: Open) -> None:
    """Isolation and timeouts that an administrator has set do not get in the way."""
    for setting in (
        "default_transaction_isolation = 'serializable'",
        "lock_timeout = 1",
        "statement_timeout = 300",
    ):
        postgres_server.sql(f"ALTER ROLE instep SET {setting}")
    try:
        store = opened(postgres_server.url)
        other = PostgresStore(store.pool.settings)
        hold = store.hold((b"n",), LONG)
        began = time.monotonic()
        with pytest.raises(LockTimeout, match="for n"):
            other.hold((b"n",), 0.6)
        assert time.monotonic() - began > 0.5
        hold.release()
        other.close()
    finally:
        postgres_server.sql("ALTER ROLE instep RESET ALL")


def test_a_statement_that_an_administrator_ends(postgres_server: Postgres, opened: Open) -> None:
    """It is not taken for a wait that was too long."""
    store = opened(postgres_server.url)
    other = PostgresStore(store.pool.settings)
    hold = store.hold((b"n",), LONG)

    def cancel() -> None:
        with psycopg.connect(postgres_server.unix_url, autocommit=True) as connection:
            for _ in range(200):
                found = connection.execute(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                    " WHERE wait_event_type = 'Lock'"
                ).fetchall()
                if found:
                    return
                time.sleep(0.02)

    thread = threading.Thread(target=cancel)
    thread.start()
    assert "ended the statement" in told(lambda: other.hold((b"n",), LONG))
    thread.join()
    hold.release()
    other.close()


def test_a_free_key_is_held_without_a_wait_by_a_slow_server_too(
    postgres_server: Postgres, opened: Open
) -> None:
    """A server that takes a while to make the row is not somebody else who has the key."""
    store = opened(postgres_server.url)
    store.read(b"n")
    postgres_server.sql(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$"
    )
    postgres_server.sql(
        "CREATE TRIGGER slow BEFORE INSERT ON instep.records FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    store.hold((b"n",), 0.0).release()
    store.hold((b"a", b"b"), 0.0).release()
