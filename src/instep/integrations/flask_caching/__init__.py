"""Flask-Caching on a space: the backend, and its `Cache` with single flight."""

from .backend import InstepCache
from .extension import Cache

__all__ = ["Cache", "InstepCache"]
