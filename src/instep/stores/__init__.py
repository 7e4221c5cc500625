"""Stores: keep bytes, a version and an expiry under a key. This room opens them by URL."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from ..errors import Misuse
from .base import Store

FRESH = "INSTEP_FRESH"
"""Environment variable with a folder: every embedded store is put below it, so that a program can
be run on empty stores without a change (`instep prove --fresh`)."""

_EXAMPLES = "lmdb:PATH, lmdb:PATH?durability=commit, memory:"
_DURABILITIES = ("checkpoint", "commit", "none")


def opener(url: str) -> Callable[[], Store]:
    """How to open the store at a URL; files are touched at its first use.

    The engine is imported here, not at the opening: a process that is forked while one of its
    threads imports leaves its child with the import's lock, for ever locked.

    Raises:
        Misuse: it is not the URL of a store. The opener raises it for a URL that contradicts
            another one in this process.
    """
    if not isinstance(url, str):
        raise Misuse(
            f"a store's URL is a text, such as {_EXAMPLES}; this is a {type(url).__name__}"
        )
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in ("lmdb", "memory"):
        raise Misuse(
            f"no store is known for the scheme {scheme[:20]!r}: a URL is one of {_EXAMPLES}"
        )
    path, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    return _memory(path, options) if scheme == "memory" else _lmdb(unquote(path), options)


def _memory(path: str, options: dict[str, str]) -> Callable[[], Store]:
    from .memory import MemoryStore

    if path or options:
        raise Misuse("the memory store has neither a path nor options: its URL is memory:")
    return MemoryStore


def _lmdb(path: str, options: dict[str, str]) -> Callable[[], Store]:
    from .checkpoint import Durability
    from .lmdb import lmdb_store

    _check_lmdb(path, options)
    folder = Path(path).expanduser().absolute()
    if fresh := os.environ.get(FRESH):
        folder = Path(fresh) / sha256(os.fsencode(folder)).hexdigest()[:16]
    return partial(lmdb_store, folder, Durability(options.get("durability", "checkpoint")))


def _check_lmdb(path: str, options: dict[str, str]) -> None:
    if not path or "\0" in path:
        raise Misuse("lmdb: needs a path, the folder of the store: lmdb:PATH")
    unknown = set(options) - {"durability"}
    if unknown:
        raise Misuse(f"lmdb: knows no option {sorted(unknown)[0]!r}: it has ?durability=")
    if options.get("durability", "checkpoint") not in _DURABILITIES:
        raise Misuse(
            f"durability={options['durability']!r} is not known: one of {', '.join(_DURABILITIES)}"
        )
