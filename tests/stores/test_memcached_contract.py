"""The contract, kept by memcached: one real server, and keys spread over several."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from instep.stores import engine
from instep.stores.address import parse
from instep.stores.base import Store
from instep.stores.memcached import MemcachedStore
from instep.stores.memcached.hold import MemcachedHold
from instep.testing import StoreContract
from servers import Memcached


class MemcachedContract(StoreContract):
    """A hold is lost when its lease is."""

    def change_behind(self, store: Store, hold: MemcachedHold, key: bytes, new: bytes) -> None:
        """Throw out the lease, as memcached may, and come from another process."""
        lease, server = hold._lease, hold._place.names.of(key)[0]
        assert lease is not None
        with closing(MemcachedStore(parse(store.url))) as other:
            link = other._servers.links.take(server)
            link._client.delete(lease.name)
            other.update(key, lambda old: (new, None), 0)
            assert link.add(lease.name, lease.value, 10)
            other._servers.links.give_back(link)


class TestMemcached(MemcachedContract):
    """One server."""

    @pytest.fixture
    def store(self, memcached_server: Memcached) -> Iterator[Store]:
        """An empty store."""
        with closing(engine(memcached_server.url).open()) as store:
            yield store


class TestMemcachedOnThree(MemcachedContract):
    """Three servers."""

    test_thousands_of_keys_by_many_threads = None  # whichever way leads to the server

    @pytest.fixture(scope="class")
    @classmethod
    def servers(cls) -> Iterator[list[Memcached]]:
        """For all of the tests."""
        with ExitStack() as stack:
            yield [stack.enter_context(Memcached()) for _ in range(3)]

    @pytest.fixture
    def store(self, servers: list[Memcached]) -> Iterator[Store]:
        """An empty store."""
        for server in servers:
            assert server.cli("flush_all") == "OK"
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        with closing(engine(f"memcached://{hosts}").open()) as store:
            yield store
