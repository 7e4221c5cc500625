"""A sqlite3 connection per thread.

How it stays right. A connection has one transaction: of two threads that share one, either commits
or rolls back what the other is in the middle of. SQLite forbids to carry a connection over a fork,
where its file locks are not what it believes; a child opens its own.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..resources import Resource
from ..resources.declaring import Resources

Where = str | Path


def connection(
    space: Resources,
    path: Where | Callable[[], Where],
    *,
    name: str = "sqlite",
    timeout: float = 10.0,
    prepare: Callable[[sqlite3.Connection], object] | None = None,
    **options: Any,
) -> Resource[sqlite3.Connection]:
    """A sqlite3 connection, opened once per thread and closed when the thread ends.

    Args:
        space: where it is declared.
        path: the file, or a function that says it at the first use (from the configuration).
        name: for messages.
        timeout: the longest wait for another writer, in seconds.
        prepare: called with each new connection: pragmas, `row_factory`.
        options: more for `sqlite3.connect`.

    Returns:
        A resource: call it for the connection. `with db():` is sqlite3's own transaction.

    Example:
        >>> from instep import Space
        >>> db = connection(Space("memory:"), ":memory:")
        >>> with db():
        ...     _ = db().execute("CREATE TABLE items (name TEXT)")
        ...     _ = db().execute("INSERT INTO items VALUES ('tea')")
        >>> db().execute("SELECT name FROM items").fetchall()
        [('tea',)]
        >>> db.close()
    """

    def make() -> sqlite3.Connection:
        where = os.fspath(path() if callable(path) else path)
        made: sqlite3.Connection = sqlite3.connect(where, timeout=timeout, **options)
        try:
            if prepare is not None:
                prepare(made)
        except BaseException:
            made.close()
            raise
        return made

    return space.resource(make, scope="thread", close=sqlite3.Connection.close, name=name)
