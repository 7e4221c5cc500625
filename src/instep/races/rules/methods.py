"""What the methods of the built-in containers do, as far as races are concerned."""

from __future__ import annotations

import re

from instep.races.reading.model import Access, Kind

REMOVING = frozenset(
    {"del", "pop", "pop default", "popitem", "remove", "clear", "popleft", "discard"}
)
"""After these an entry may be gone."""

FAILING = frozenset({"del", "pop", "popitem", "remove", "popleft", "index"})
"""These raise if the entry is gone."""

SPARING = frozenset({"pop default", "discard"})
"""These take out an entry, or do nothing if it is gone."""

ADDING = frozenset(
    {"=", "append", "appendleft", "add", "insert", "extend", "update", "setdefault", "+=", "|="}
)
"""After these there may be one more entry."""

SINGLE = frozenset({"", "[]", "=", "del", "in", "not in", "is", "is not", "not", "==", "!="})
"""These need no call, so no thread switch happens in them on CPython 3.10 to 3.13."""

_ERRORS = {"remove": "ValueError", "index": "ValueError", "popleft": "IndexError"}


def error_of(access: Access) -> str:
    """How a removal fails if the entry is gone."""
    if access.method == "pop" and (access.key or "0").lstrip("-").isdigit():
        return "IndexError"
    return _ERRORS.get(access.method, "KeyError")


_LITERAL = re.compile(r"""[bruf]*(['"]).*\1|-?[\d.]+|True|False|None""", re.IGNORECASE | re.DOTALL)


def is_literal(key: str | None) -> bool:
    """Whether a key is written out, so that two of them can be told apart."""
    return key is not None and _LITERAL.fullmatch(key) is not None


def inside(access: Access) -> bool:
    """Whether it concerns what is in a container, not the name or attribute that holds it."""
    return bool(access.location.path) and access.location.path[-1].startswith("[")


def changes(access: Access) -> bool:
    """Whether it writes."""
    return access.kind in (Kind.WRITE, Kind.UPDATE)


def binds(access: Access) -> bool:
    """Whether it binds the name or attribute itself."""
    return changes(access) and not inside(access)


def empties(access: Access) -> bool:
    """Whether nothing is left in the container after it: `clear()`, `entries[:] = []`."""
    whole = access.key == ":" and (access.method == "del" or access.value in ("new", "constant"))
    return changes(access) and (access.method == "clear" or whole)


def removes(access: Access) -> bool:
    """Whether what another one has seen may be gone after it."""
    gone = access.method in REMOVING or binds(access) or empties(access)
    return changes(access) and gone


def resizes(access: Access) -> bool:
    """Whether it may change the number of entries, which ends an iteration with an error."""
    if not changes(access) or not inside(access):
        return False
    if access.method == "+=":  # of the container; of an entry it changes no size
        return access.key is None
    if access.method == "=" and is_literal(access.key):
        return False  # a field of a record, which is there
    return access.method in REMOVING or access.method in ADDING


def meet(first: Access, second: Access) -> bool:
    """Whether two accesses of one piece of state may concern the same entry.

    Args:
        first: one of them.
        second: the other.
    """
    mine, theirs = first.location.path, second.location.path
    if mine == theirs:
        both = is_literal(first.key) and is_literal(second.key)
        return not both or first.key == second.key
    outer, inner = (first, second) if len(mine) < len(theirs) else (second, first)
    depth = len(outer.location.path)
    within = inner.location.path[:depth] == outer.location.path
    return within and (removes(outer) or (changes(outer) and outer.key is not None))
