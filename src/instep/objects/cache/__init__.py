"""Caches: what is expensive to make is made once, for all workers, and kept for a while."""

from .cache import Cache
from .figures import Stats

__all__ = ["Cache", "Stats"]
