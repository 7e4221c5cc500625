"""PostgreSQL: a table, for every process of every machine that reaches the server."""

from .store import PostgresStore, engine

__all__ = ["PostgresStore", "engine"]
