"""A manager: records in the memory of a server process, for those who want no other server."""

from .server import serve
from .store import ManagerStore, engine

__all__ = ["ManagerStore", "engine", "serve"]
