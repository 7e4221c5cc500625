"""A SQLAlchemy engine per process, whose pool says who has its connections.

How it stays right. A forked child makes an engine of its own at its first use and never touches
the parent's; so nobody needs `engine.dispose(close=False)` in a hook of the server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import TimeoutError as QueueTimeout
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from ..errors import PoolTimeout
from ..resources import Resource
from ..resources.borrowers import Borrowers
from ..resources.declaring import Resources

Address = str | URL


class EngineTimeout(PoolTimeout, QueueTimeout):
    """A `PoolTimeout` that is also SQLAlchemy's `TimeoutError`."""


class NamingPool(QueuePool):
    """SQLAlchemy's queue of connections; a caller who waits in vain is told who has them."""

    borrowers: Borrowers

    def connect(self) -> PoolProxiedConnection:
        try:
            return super().connect()
        except QueueTimeout as error:
            limit = self.size() + self._max_overflow
            raise self.borrowers.late(EngineTimeout, self.timeout(), limit, "pool_size") from error

    def recreate(self) -> NamingPool:
        fresh = super().recreate()
        assert isinstance(fresh, NamingPool)
        fresh.borrowers = self.borrowers
        return fresh


def engine(
    space: Resources,
    url: Address | Callable[[], Address],
    *,
    name: str = "engine",
    pool_timeout: float = 10.0,
    **options: Any,
) -> Resource[Engine]:
    """A SQLAlchemy engine, made once per process, also in those that are forked.

    Args:
        space: where it is declared; its `close()` disposes of the engine.
        url: the database's, or a function that says it at the first use (from the configuration).
        name: for messages.
        pool_timeout: the longest wait for a connection, in seconds.
        options: more for `create_engine`.

    Returns:
        A resource: call it for the engine.

    Raises:
        PoolTimeout: by the engine, when no connection is free for so long; it says who has them.

    Example:
        >>> from instep import Space
        >>> from sqlalchemy import text
        >>> db = engine(Space("memory:"), "sqlite://")
        >>> with db().connect() as connection:
        ...     connection.execute(text("SELECT 6 * 7")).scalar()
        42
        >>> db.close()
    """

    def make() -> Engine:
        where = make_url(url() if callable(url) else url)
        chosen = dict(options)
        if "poolclass" not in chosen and "pool" not in chosen and "creator" not in chosen:
            dialect: Any = where.get_dialect()
            if dialect.get_pool_class(where) is QueuePool:  # not where a pool would make no sense
                chosen |= {"poolclass": NamingPool, "pool_timeout": pool_timeout}
        made = create_engine(where, **chosen)
        if isinstance(made.pool, NamingPool):
            _watch(made.pool, Borrowers(name, space.whereabouts))
        return made

    return space.resource(make, close=Engine.dispose, name=name)


def _watch(pool: NamingPool, borrowers: Borrowers) -> None:
    pool.borrowers = borrowers

    def took(_: Any, record: Any, __: Any) -> None:
        borrowers.took(id(record))

    def gave(_: Any, record: Any) -> None:
        borrowers.gave(id(record))

    event.listen(pool, "checkout", took)
    event.listen(pool, "checkin", gave)
    event.listen(pool, "detach", gave)
