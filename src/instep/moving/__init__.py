"""Moving: records from one store to another, with versions and expiry, directly or by a file."""

from .copying import Moved, copy
from .dumping import Dumped, dump
from .loading import load
from .places import opened

__all__ = ["Dumped", "Moved", "copy", "dump", "load", "opened"]
