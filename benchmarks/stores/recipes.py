"""What the users of each server have without instep, as the libraries' own manuals do it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import psycopg_pool
import redis
import sqlalchemy
from pymemcache import Client
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.board import board_client
from benchmarks.rounds import Action

Actions = dict[str, Action]

GET, SET, INCR = "redis-py GET", "redis-py SET", "redis-py INCR"
LOCKED = "redis-py Lock + GET + SET + release"
SELECT, UPDATE = "psycopg: SELECT of one row", "psycopg: UPDATE RETURNING"
LAZY = "psycopg: UPDATE, unsynced"
FOR_UPDATE = "psycopg: SELECT FOR UPDATE, UPDATE"
ORM = "SQLAlchemy: with_for_update=True"
BOARD, TABLE_GET = "Manager: lock, get, set", "Manager: dict, get"
CAS, CACHED = "pymemcache gets + cas", "pymemcache get"


@contextmanager
def of_redis(url: str) -> Iterator[Actions]:
    """redis-py; the lock as its manual has it, with a timeout for when its holder dies."""
    with closing(redis.Redis.from_url(url)) as client:
        client.set("recipe", 0)

        def locked() -> int:
            with client.lock("recipe-lock", timeout=10):
                number = int(client.get("recipe") or 0) + 1
                client.set("recipe", number)
            return number

        yield {
            GET: lambda: client.get("recipe"),
            SET: lambda: client.set("key", 1),
            INCR: lambda: client.incr("number"),
            LOCKED: locked,
        }


@contextmanager
def of_memcached(url: str) -> Iterator[Actions]:
    """pymemcache; a comparison that fails is tried again."""
    host, _, port = url.rpartition("/")[2].rpartition(":")
    with closing(Client((host, int(port)))) as client:
        client.set("recipe", b"0")

        def compared() -> int:
            while True:
                value, token = client.gets("recipe")
                number = int(value) + 1
                if client.cas("recipe", b"%d" % number, token):
                    return number

        yield {CACHED: lambda: client.get("recipe"), CAS: compared}


@contextmanager
def of_manager(address: str) -> Iterator[Actions]:
    """A `multiprocessing` manager, over a unix socket like ours."""
    board = board_client(address)
    board.table["key"] = 1
    yield {BOARD: board.increment, TABLE_GET: lambda: board.table["key"]}


class _Base(DeclarativeBase):
    pass


class _Tally(_Base):
    __tablename__ = "recipe"
    key: Mapped[str] = mapped_column(primary_key=True)
    total: Mapped[int]


@contextmanager
def of_postgres(url: str) -> Iterator[Actions]:
    """psycopg through its pool, prepared; SQLAlchemy's ORM with its usual pool, over psycopg."""
    place = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(place)
    with ExitStack() as open_:
        open_.callback(engine.dispose)
        _Base.metadata.create_all(engine)
        with Session(engine) as session, session.begin():
            session.merge(_Tally(key="psycopg", total=0))
            session.merge(_Tally(key="orm", total=0))

        def orm() -> int:
            with Session(engine) as session, session.begin():
                row = session.get(_Tally, "orm", with_for_update=True)
                assert row is not None
                row.total += 1
                return row.total

        yield {**_psycopg(open_, url), ORM: orm}


_READ = "SELECT total FROM recipe WHERE key = %s"
_CLAIM = f"{_READ} FOR UPDATE"
_COUNT = "UPDATE recipe SET total = total + 1 WHERE key = %s RETURNING total"
_WRITE = "UPDATE recipe SET total = %s WHERE key = %s"


def _psycopg(open_: ExitStack, url: str) -> Actions:
    eager = _pool(open_, url, autocommit=True)
    lazy = _pool(open_, url, autocommit=True, options="-c synchronous_commit=off")
    blocks = _pool(open_, url)

    def one(pool: Any, query: str) -> Any:
        with pool.connection() as connection:
            return connection.execute(query, ("psycopg",), prepare=True).fetchone()

    def claimed() -> int:
        with blocks.connection() as connection:
            found = connection.execute(_CLAIM, ("psycopg",), prepare=True).fetchone()
            number: int = found[0] + 1
            connection.execute(_WRITE, (number, "psycopg"), prepare=True)
        return number

    return {
        SELECT: lambda: one(eager, _READ),
        UPDATE: lambda: one(eager, _COUNT),
        LAZY: lambda: one(lazy, _COUNT),
        FOR_UPDATE: claimed,
    }


def _pool(open_: ExitStack, url: str, **connect: object) -> Any:
    pool = psycopg_pool.ConnectionPool(url, min_size=1, max_size=4, kwargs=connect, open=False)
    open_.enter_context(pool)  # opens it
    pool.wait()
    return pool
