"""The contract, kept by PostgreSQL: over TCP, over a unix socket, without prepared statements."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from instep.stores import engine
from instep.stores.base import Store
from instep.testing import StoreContract
from servers import Postgres


class PostgresContract(StoreContract):
    """A hold is lost with its connection, which the server ends when the holder is silent."""

    def change_behind(self, store: Any, hold: Any, key: bytes, new: bytes) -> None:
        """Let the hold's lease run out, and change the key as another process does."""
        link, pool = hold._link, store.pool
        link.ask((("limits", (b"0", b"0", b"1")),), 5)
        time.sleep(0.01)
        with closing(type(store)(pool.settings)) as other:
            other.update(key, lambda old: (new, None), 5)

    def kept(self, store: Any) -> int:
        """All rows."""
        return count(store, "SELECT count(*) FROM {records}")


def count(store: Any, text: str) -> int:
    """What some SQL counts, asked on a connection of the store's."""
    link = store.pool.take(time.monotonic() + 5, waits=False)
    try:
        table = f'"{store.pool.settings.schema}".records'
        return int.from_bytes(link.run(text.format(records=table), 5).get_value(0, 0), "big")
    finally:
        store.pool.give(link)


class TestOverTcp(PostgresContract):
    """With a password."""

    @pytest.fixture
    def store(self, postgres_server: Postgres) -> Iterator[Store]:
        """An empty store."""
        with closing(engine(postgres_server.url).open()) as store:
            yield store


class TestOverTheUnixSocket(PostgresContract):
    """As behind a pooler that keeps no prepared statements."""

    test_thousands_of_keys_by_many_threads = None  # whichever way leads to the server

    @pytest.fixture
    def store(self, postgres_server: Postgres) -> Iterator[Store]:
        """An empty store."""
        with closing(engine(f"{postgres_server.unix_url}&prepare=no").open()) as store:
            yield store
