"""Pools that are exhausted: a bounded wait, and an error that says who holds the connections."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from operator import attrgetter
from pathlib import Path
from typing import Any

import httpx
import psycopg_pool
import pytest
import redis
import sqlalchemy
from asking import echo_server
from sqlalchemy.pool import NullPool, StaticPool

from flask import Flask
from instep import Conflict, PoolTimeout, Space
from instep.flask import Instep
from instep.integrations import httpx as for_httpx
from instep.integrations import psycopg as for_psycopg
from instep.integrations import redis as for_redis
from instep.integrations import sqlalchemy as for_sqlalchemy
from instep.resources import Resource
from instep.resources.borrowers import Borrowers
from servers import Postgres, Redis

Take = Callable[[], AbstractContextManager[Any]]
Declare = Callable[[Any], tuple[Resource[Any], Take]]
WAIT = 0.2  # seconds that a caller waits for a connection


@pytest.fixture(params=["sqlalchemy", "psycopg", "redis", "httpx"])
def declare(request: pytest.FixtureRequest) -> Iterator[Declare]:
    """Declares a pool of two connections; what it gives takes one of them."""
    library = request.param
    if library == "httpx":
        with echo_server() as (echo, _):
            yield lambda space: _httpx(space, echo)
        return
    server = request.getfixturevalue("redis_server" if library == "redis" else "postgres_server")
    yield lambda space: {"sqlalchemy": _alchemy, "psycopg": _psycopg, "redis": _redis}[library](
        space, server.url
    )


def _alchemy(space: Any, url: str) -> tuple[Resource[Any], Take]:
    url = url.replace("postgresql://", "postgresql+psycopg://")
    db = for_sqlalchemy.engine(
        space, url, name="db", pool_size=1, max_overflow=1, pool_timeout=WAIT
    )
    return db, lambda: db().connect()


def _psycopg(space: Any, url: str) -> tuple[Resource[Any], Take]:
    db = for_psycopg.pool(space, url, name="db", timeout=WAIT, min_size=2, max_size=2)
    db().wait(30)
    return db, lambda: db().connection()


def _redis(space: Any, url: str) -> tuple[Resource[Any], Take]:
    db = for_redis.client(space, url, name="db", max_connections=2, pool_timeout=WAIT)

    @contextmanager
    def take() -> Iterator[Any]:
        pool = db().connection_pool
        connection = pool.get_connection()
        try:
            yield connection
        finally:
            pool.release(connection)

    return db, take


def _httpx(space: Any, url: str) -> tuple[Resource[Any], Take]:
    timeout = httpx.Timeout(30, pool=WAIT)
    db = for_httpx.client(space, name="db", max_connections=2, timeout=timeout)
    return db, lambda: db().stream("GET", f"{url}/1")


def noted_by(thing: Any) -> Borrowers:
    """What a pool's or client's notes are."""
    for path in (
        "pool.borrowers",
        "borrowers",
        "connection_pool.borrowers",
        "_transport._borrowers",
    ):
        with suppress(AttributeError):
            found: Borrowers = attrgetter(path)(thing)
            return found
    raise AssertionError(thing)


FOREIGN = (
    sqlalchemy.exc.TimeoutError,
    psycopg_pool.PoolTimeout,
    redis.ConnectionError,
    httpx.PoolTimeout,
)


def test_exhausted(space: Space, declare: Declare) -> None:
    """The third caller waits as long as it was told, and learns who has the two, and since when."""
    _, take = declare(space)
    taken, done = threading.Barrier(3), threading.Event()

    def hog() -> None:
        with take():
            taken.wait(30)
            done.wait(60)

    threads = [threading.Thread(target=hog, name=f"hog-{n}") for n in range(2)]
    begin = time.time()
    for thread in threads:
        thread.start()
    taken.wait(30)
    before = time.monotonic()
    with pytest.raises(PoolTimeout) as caught, take():
        raise AssertionError
    assert time.monotonic() - before >= WAIT
    done.set()
    for thread in threads:
        thread.join()
    error = caught.value
    assert isinstance(error, Conflict)
    assert isinstance(error, FOREIGN)  # who catches the library's own still does
    assert (error.name, error.timeout) == ("db", WAIT)
    assert {one.thread for one in error.borrowers} == {thread.ident for thread in threads}
    assert all(begin <= one.since <= time.time() for one in error.borrowers)
    assert all(f"{__file__}:" in one.where for one in error.borrowers), error
    assert "all 2 are in use" in str(error)
    assert "thread hog-0" in str(error)
    with take(), take():  # all were given back
        pass


def test_given_back(space: Space, declare: Declare) -> None:
    """A caller who waits gets the connection that is given back; nobody is noted afterwards."""
    db, take = declare(space)
    for _ in range(5):
        with take(), take():
            pass
    with pytest.raises(ZeroDivisionError), take():
        _ = 1 / 0
    assert noted_by(db()).all() == ()
    with take(), take(), pytest.raises(PoolTimeout) as caught, take():
        raise AssertionError
    assert len(caught.value.borrowers) == 2
    db.close()
    with take(), take():
        pass


def test_in_a_request(declare: Declare, tmp_path: Path) -> None:
    """The error names the requests that have the connections; Flask answers 503."""
    app = Flask("shop", instance_path=str(tmp_path))
    app.config["INSTEP_URL"] = "memory:"
    shared = Instep(app)
    _, take = declare(shared)
    taken, done = threading.Barrier(3), threading.Event()
    texts: list[str] = []

    @app.route("/slow/<int:n>")
    def slow(n: int) -> str:
        with take():
            taken.wait(30)
            done.wait(60)
        return "done"

    @app.route("/quick")
    def quick() -> str:
        try:
            with take():
                return "quick"
        except PoolTimeout as error:
            texts.append(str(error))
            raise

    threads = [
        threading.Thread(target=app.test_client().get, args=(f"/slow/{n}",)) for n in range(2)
    ]
    for thread in threads:
        thread.start()
    taken.wait(30)
    response = app.test_client().get("/quick")
    done.set()
    for thread in threads:
        thread.join()
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert "GET /slow/0" in texts[0]
    assert "GET /slow/1" in texts[0]
    assert app.test_client().get("/quick").text == "quick"
    shared.close()


def test_a_server_that_is_not_there(space: Space, postgres_server: Postgres) -> None:
    """A pool that cannot connect says that this is no matter of size."""
    db = for_psycopg.pool(space, "host=127.0.0.1 port=1", timeout=WAIT, min_size=1, max_size=2)
    with pytest.raises(PoolTimeout, match="0 of 2 are in use, so the server was perhaps not reach"):
        db().getconn()


def test_another_error_of_redis(space: Space) -> None:
    """A server that refuses is redis-py's own error, not an exhausted pool."""
    db = for_redis.client(space, "redis://127.0.0.1:1/0", retry=None)
    with pytest.raises(redis.ConnectionError) as caught:
        db().ping()
    assert not isinstance(caught.value, PoolTimeout)


def test_sqlalchemy_keeps_other_pools(space: Space) -> None:
    """A pool that was asked for, or one that suits the database better, is left as it is."""
    url = "sqlite://"
    assert not isinstance(for_sqlalchemy.engine(space, url)().pool, for_sqlalchemy.NamingPool)
    chosen = for_sqlalchemy.engine(space, url, poolclass=StaticPool)
    assert isinstance(chosen().pool, StaticPool)
    assert isinstance(for_sqlalchemy.engine(space, url, poolclass=NullPool)().pool, NullPool)


def test_sqlalchemy_that_is_disposed_of(space: Space, postgres_server: Postgres) -> None:
    """`engine.dispose()` makes a new pool, which knows its borrowers too."""
    db, take = _alchemy(space, postgres_server.url)
    with take():
        pass
    db().dispose()
    with take(), take(), pytest.raises(PoolTimeout) as caught, take():
        raise AssertionError
    assert len(caught.value.borrowers) == 2


def test_redis_after_a_close(space: Space, redis_server: Redis) -> None:
    """`close` closes the client's connections, and the next use has new ones."""
    db = for_redis.client(space, lambda: redis_server.url)
    first = db().client_id()
    db.close()
    assert db().client_id() != first
    with closing(db()):
        assert db().ping()
