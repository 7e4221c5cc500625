"""Redis and Valkey: a server, one that sentinels watch, or a cluster."""

from .store import RedisStore, engine

__all__ = ["RedisStore", "engine"]
