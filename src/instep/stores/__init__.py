"""Stores: keep bytes, a version and an expiry under a key. This room finds them by URL."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from weakref import WeakValueDictionary

from ..errors import Misuse
from .address import FRESH, shown
from .base import Engine, Store
from .registered import registered

_REDIS = "redis"
SCHEMES = {
    "lmdb": "lmdb",
    "memory": "memory",
    "redis": _REDIS,
    "rediss": _REDIS,
    "unix": _REDIS,
    "redis+sentinel": _REDIS,
    "rediss+sentinel": _REDIS,
    "redis+cluster": _REDIS,
    "rediss+cluster": _REDIS,
    "valkey": _REDIS,
    "valkeys": _REDIS,
    "valkey+sentinel": _REDIS,
    "valkeys+sentinel": _REDIS,
    "valkey+cluster": _REDIS,
    "valkeys+cluster": _REDIS,
    "postgresql": "postgres",
    "postgres": "postgres",
    "memcached": "memcached",
    "manager": "manager",
}
_NEEDS = {"redis": "redis", "postgres": "postgresql", "memcached": "memcached"}
_EXAMPLES = (
    "lmdb:PATH, memory:, redis://HOST, postgresql://HOST/DB, memcached://HOST, manager:SOCKET"
)


def engine(url: str) -> Engine:
    """What there is at a URL: what it can do, and how to open it; nothing is touched.

    The engine's libraries are imported here, not at the opening: a process that is forked while
    one of its threads imports leaves its child with the import's lock, for ever locked.

    Args:
        url: the store's URL.

    Raises:
        Misuse: it is not the URL of a store, or what the store needs is not installed. Opening
            raises it for a URL that contradicts another one in this process.
        StoreError: the package that has the store is broken.
    """
    if not isinstance(url, str):
        raise Misuse(
            f"a store's URL is a text, such as {_EXAMPLES}; this is of type {type(url).__name__}"
        )
    scheme, colon, rest = url.partition(":")
    module = SCHEMES.get(scheme.lower())
    if colon and module is not None:
        url = f"{scheme.lower()}:{rest}"  # RFC 3986: a scheme may be in capitals
        if module not in ("lmdb", "memory"):
            _refuse_fresh(url)
        try:
            ours: Engine = import_module(f".{module}", __name__).engine(url)
        except ModuleNotFoundError as missing:
            if module not in _NEEDS:
                raise
            raise Misuse(
                f"{scheme}: needs the library {missing.name!r}: pip install "
                f"'instep[{_NEEDS[module]}]'"
            ) from None
        # lmdb: knows its folders itself, and every memory: is a store of its own.
        return ours if module in ("lmdb", "memory") else _shared(url, ours)
    theirs = registered(scheme, url) if colon else None
    if theirs is not None:
        _refuse_fresh(url)
        return _shared(url, theirs)
    raise Misuse(
        f"no store is known for the scheme {scheme[:20]!r}: a URL is one of {_EXAMPLES}"
        if colon
        else f"{shown(url)[:80]!r} is not the URL of a store: a URL is one of {_EXAMPLES}"
    )


def _refuse_fresh(url: str) -> None:
    if os.environ.get(FRESH):
        raise Misuse(
            f"{shown(url)}: --fresh gives a program empty embedded stores, and this one would not "
            "be empty: set INSTEP_URL=lmdb:PATH for that run, or leave --fresh out"
        )


def _shared(url: str, engine: Engine) -> Engine:
    """Open one store for one URL: what two spaces have of it can be in one transaction."""
    place = url if "//" in url else f"{url} {Path().absolute()}"  # a path may be relative

    def one() -> Store:
        store = _stores.get(place)
        return store if store is not None else _stores.setdefault(place, engine.open())

    return engine._replace(open=one)


_stores: WeakValueDictionary[str, Store] = WeakValueDictionary()
