"""memcached: for what may vanish, shared by the machines that reach the same servers."""

from .store import MemcachedStore, engine

__all__ = ["MemcachedStore", "engine"]
