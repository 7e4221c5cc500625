"""The front end of the finder: it reads a program and never imports it.

`ast` and nothing else: from files to modules, names and values, and from the places where a request
enters to everything that it reads and writes on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instep.races.reading.reader import read

__all__ = ["read"]


def __getattr__(name: str) -> Any:
    """The reader is loaded when it is asked for: the types of the model do without it."""
    if name != "read":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from instep.races.reading.reader import read

    return read
