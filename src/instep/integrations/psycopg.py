"""A psycopg pool per process, which says who has its connections.

How it stays right. psycopg_pool has no care for forks: a child has the parent's sockets and none of
the threads that look after them. So a forked child makes a pool of its own at its first use. The
inherited one is never finalized, because that would wait for its threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import psycopg_pool

from ..errors import PoolTimeout
from ..resources import Resource
from ..resources.borrowers import Borrowers
from ..resources.declaring import Resources

Connection = psycopg.Connection[Any]
ConnectionPool = psycopg_pool.ConnectionPool[Connection]


class PsycopgTimeout(PoolTimeout, psycopg_pool.PoolTimeout):
    """A `PoolTimeout` that is also psycopg_pool's."""


class NamingPool(ConnectionPool):
    """psycopg's pool of connections; a caller who waits in vain is told who has them."""

    borrowers: Borrowers

    def getconn(self, timeout: float | None = None) -> Connection:
        try:
            connection = super().getconn(timeout)
        except psycopg_pool.PoolTimeout as error:
            waited = self.timeout if timeout is None else timeout
            raise self.borrowers.late(PsycopgTimeout, waited, self.max_size, "max_size") from error
        self.borrowers.took(id(connection))
        return connection

    def putconn(self, conn: Connection) -> None:
        self.borrowers.gave(id(conn))
        super().putconn(conn)


def pool(
    space: Resources,
    conninfo: str | Callable[[], str],
    *,
    name: str = "pool",
    timeout: float = 10.0,
    **options: Any,
) -> Resource[ConnectionPool]:
    """A psycopg connection pool, made and opened once per process, also in those that are forked.

    Args:
        space: where it is declared; its `close()` closes the pool.
        conninfo: the database's URL or parameters, or a function that says them at the first use.
        name: for messages.
        timeout: the longest wait for a connection, in seconds.
        options: more for `psycopg_pool.ConnectionPool`, such as `min_size` and `max_size`.

    Returns:
        A resource: call it for the pool, `with db().connection() as connection:`.

    Raises:
        PoolTimeout: by the pool, when no connection is free for so long; it says who has them.

    Example:
        >>> from instep import Space
        >>> db = pool(Space("memory:"), "postgresql://localhost/shop", max_size=5)
        >>> db
        <Resource 'pool' per process>
    """

    def make() -> ConnectionPool:
        where = conninfo() if callable(conninfo) else conninfo
        made = NamingPool(where, name=name, timeout=timeout, open=False, **options)
        made.borrowers = Borrowers(name, space.whereabouts)
        made.open()
        return made

    return space.resource(make, close=ConnectionPool.close, name=name)
