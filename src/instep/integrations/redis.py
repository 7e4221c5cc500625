"""A redis-py client per process, with a bounded pool that says who has its connections.

redis-py's own pools have no bound, or refuse at once. This one waits a bounded time. They do begin
anew in a forked child; a client that keeps one connection, a pipeline or a subscription does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from redis.connection import BlockingConnectionPool

from ..errors import PoolTimeout
from ..resources import Resource
from ..resources.borrowers import Borrowers
from ..resources.declaring import Resources

_NONE_FREE = "No connection available."


class RedisTimeout(PoolTimeout, redis.ConnectionError):
    """A `PoolTimeout` that is also redis-py's `ConnectionError`."""


class NamingPool(BlockingConnectionPool):
    """redis-py's pool that waits; a caller who waits in vain is told who has the connections."""

    borrowers: Borrowers

    def get_connection(self, command_name: str | None = None, *keys: Any, **options: Any) -> Any:
        words = () if command_name is None else (command_name, *keys)  # redis-py before 5.3
        try:
            connection = super().get_connection(*words, **options)  # type: ignore[no-untyped-call]
        except redis.ConnectionError as error:
            if str(error) != _NONE_FREE:
                raise
            waited = float(self.timeout or 0)
            raise self.borrowers.late(
                RedisTimeout, waited, self.max_connections, "max_connections"
            ) from error
        self.borrowers.took(id(connection))
        return connection

    def release(self, connection: Any) -> None:
        self.borrowers.gave(id(connection))
        super().release(connection)  # type: ignore[no-untyped-call]


def client(
    space: Resources,
    url: str | Callable[[], str],
    *,
    name: str = "redis",
    max_connections: int = 20,
    pool_timeout: float = 10.0,
    **options: Any,
) -> Resource[redis.Redis]:
    """A redis-py client, made once per process, also in those that are forked.

    Args:
        space: where it is declared; its `close()` closes the connections.
        url: the server's, or a function that says it at the first use (from the configuration).
        name: for messages.
        max_connections: how many a process may have.
        pool_timeout: the longest wait for one of them, in seconds.
        options: more for the connections, such as `decode_responses`.

    Returns:
        A resource: call it for the client.

    Raises:
        PoolTimeout: by the client, when no connection is free for so long; it says who has them.

    Example:
        >>> from instep import Space
        >>> cache = client(Space("memory:"), "redis://localhost:6379/0", decode_responses=True)
        >>> cache
        <Resource 'redis' per process>
    """

    def make() -> redis.Redis:
        where = url() if callable(url) else url
        pool = NamingPool.from_url(
            where, max_connections=max_connections, timeout=pool_timeout, **options
        )
        pool.borrowers = Borrowers(name, space.whereabouts)
        return redis.Redis.from_pool(pool)

    return space.resource(make, close=redis.Redis.close, name=name)
