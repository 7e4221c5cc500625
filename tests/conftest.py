"""A folder for a store, servers, and processes that do not outlive their test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from actors import Child, forking
from manager_server import Manager
from places import PLACES, place
from prove_processes import left_behind
from servers import Memcached, Postgres, Redis


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder of an embedded store that is not there yet."""
    return tmp_path / "state"


@pytest.fixture
def fork() -> Iterator[Callable[..., Child]]:
    """Run functions in forked processes; what still lives at the end of the test is killed."""
    with forking() as start:
        yield start


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Gives every process that a test starts a mark, and finds none of them afterwards."""
    word = uuid4().hex
    monkeypatch.setenv("PROVE_MARK", word)
    yield word
    assert left_behind(word) == []


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[Redis]:
    """The Redis server of all tests that do it no harm."""
    with Redis() as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: Redis) -> Redis:
    """A Redis server that runs and is empty. A test that stops one starts one of its own."""
    shared_redis.start()
    shared_redis.cli("FLUSHALL")
    return shared_redis


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[Postgres]:
    """The PostgreSQL server of all tests that do it no harm."""
    with Postgres(fsync=False) as server:
        yield server


@pytest.fixture
def postgres_server(shared_postgres: Postgres) -> Postgres:
    """A PostgreSQL server that runs, with an empty database and nobody connected to it."""
    shared_postgres.start()
    shared_postgres.clear()
    return shared_postgres


@pytest.fixture(scope="session")
def shared_memcached() -> Iterator[Memcached]:
    """The memcached of all tests that do it no harm."""
    with Memcached() as server:
        yield server


@pytest.fixture
def memcached_server(shared_memcached: Memcached) -> Memcached:
    """A memcached that runs and is empty."""
    shared_memcached.start()
    assert shared_memcached.cli("flush_all") == "OK"
    return shared_memcached


@pytest.fixture(scope="session")
def shared_manager() -> Iterator[Manager]:
    """The manager of all tests that do it no harm."""
    with Manager() as server:
        yield server


@pytest.fixture
def manager_server(shared_manager: Manager) -> Manager:
    """A manager that runs and is empty."""
    shared_manager.start()
    shared_manager.clear()
    return shared_manager


@pytest.fixture(params=PLACES)
def shared_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store that processes share, on each engine; dead holders lose soon."""
    return place(request.param, tmp_path, request.getfixturevalue, lease=3)
