"""The contract, kept by a manager: a real one, on a socket and by TCP."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from instep.stores import engine
from instep.stores.base import Store
from instep.stores.manager.hold import ManagerHold
from instep.stores.manager.wire import HOLD, RECORDS, RELEASE, WAIT, pack
from instep.testing import StoreContract
from manager_server import Manager, kept


class ManagerContract(StoreContract):
    """A hold is lost only if somebody else ends it on its own connection."""

    tcp = False

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[Manager]:
        """One server for all of the tests."""
        with Manager(cls.tcp) as server:
            yield server

    @pytest.fixture
    def store(self, server: Manager) -> Iterator[Store]:
        """An empty store."""
        with closing(engine(server.url).open()) as store:
            while page := store.scan(b""):
                for key, _ in page:
                    store.update(key, lambda old: (None, None), 0)
            yield store

    def change_behind(self, store: Store, hold: ManagerHold, key: bytes, new: bytes) -> None:
        """Free what is held, change the key, and hold it again."""
        line, keys = hold.line, sorted(hold._loaded)
        assert line is not None
        line.ask(pack(RELEASE))
        store.update(key, lambda old: (new, None), 0)
        assert line.ask(pack(HOLD, WAIT.pack(0.0, 0), *keys))[0] == RECORDS

    def kept(self, store: Any) -> int:
        """What the server's process counts."""
        return kept(store._lines._where.keyfile)


class TestManager(ManagerContract):
    """On a socket."""


class TestManagerByTcp(ManagerContract):
    """On a port."""

    test_thousands_of_keys_by_many_threads = None  # whichever way leads to the server

    tcp = True
