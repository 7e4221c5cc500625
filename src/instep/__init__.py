"""Keep every worker in step: state that threads, greenlets and processes share.

    from instep import Space

    space = Space("lmdb:state")
    tickets = space.counter("tickets")
    tickets.increment()

Everything is loaded at first use, so that importing this costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import (
        Conflict,
        InstepError,
        LeaseLost,
        LockTimeout,
        Misuse,
        PoolTimeout,
        StoreError,
    )
    from .objects.proxy import readonly
    from .space import Space

__version__ = "0.1.0"

__all__ = [
    "Conflict",
    "InstepError",
    "LeaseLost",
    "LockTimeout",
    "Misuse",
    "PoolTimeout",
    "Space",
    "StoreError",
    "readonly",
]

_ROOMS = {"Space": "space", "readonly": "objects.proxy"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    room = import_module(f".{_ROOMS.get(name, 'errors')}", __name__)
    value = globals()[name] = getattr(room, name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
