"""What is in a store: its names, what is under them, and how to be rid of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .cells import Bytes
from .codec import Codec
from .errors import InstepError, Misuse
from .objects.kinds import COUNTER, ENTRY, LOCK, OBJECT, VALUE, number
from .objects.names import encoded, entry
from .stores.base import Record, Store
from .stores.keys import UNDER
from .stores.record import PREFIX
from .transaction import Opened, scan
from .transaction import delete as delete_record

_KINDS = {OBJECT: "object", COUNTER: "counter", VALUE: "value", LOCK: "lock", ENTRY: "mapping"}


@dataclass(frozen=True, slots=True)
class Description:
    """What the store keeps under a name.

    Args:
        name: the name.
        kind: object, family, counter, value, mapping or lock.
        cls: the class of an object or a family, or None.
        version: how often it was committed; None for families and mappings.
        entries: the number of members or entries; None for single records.
        size: bytes of data, all entries together.
        state: the attributes, the number, the value; for families and mappings the first keys.
    """

    name: str
    kind: str
    cls: str | None
    version: int | None
    entries: int | None
    size: int
    state: Any


def names(store: Store, prefix: str = "") -> list[str]:
    """The names in a store that begin with `prefix`, sorted."""
    start = encoded(prefix) if prefix else b""
    found: set[str] = set()
    after: bytes | None = None
    while page := store.scan(start, after, 1):
        base = page[0][0].partition(UNDER)[0]
        found.add(base.decode())
        # Names have no control characters, so this passes over all of the entries under it; of a
        # long name, whose entries are in the order of their digests, they are gone through.
        entry_of_short = page[0][0] != base and len(base) < PREFIX
        after = base + b"\x01" if entry_of_short else page[0][0]
    return sorted(found)


def describe(store: Store, codec: Codec, name: str) -> Description:
    """What a store keeps under a name."""
    key = encoded(name)
    record = store.read(key)
    if record is not None:
        return _single(codec, name, record)
    entries = list(_entries(store, key + UNDER))
    if not entries:
        raise Misuse(f"there is nothing under the name {name!r}; names() lists what there is")
    first = entries[0][1].data
    kind = "family" if first[:1] == OBJECT else "mapping"
    return Description(
        name=name,
        kind=kind,
        cls=_shown(codec, first)[0] if kind == "family" else None,
        version=None,
        entries=len(entries),
        size=sum(len(record.data) for _, record in entries),
        state=[entry(key + UNDER, full, codec) for full, _ in entries[:20]],
    )


def delete(opened: Opened, name: str) -> bool:
    """Delete everything under a name."""
    key = encoded(name)
    record = opened.store.read(key)
    if record is not None and _is_lock(record, name):
        raise Misuse(f"{name!r} is a lock: its fence must never go back, so it stays")
    existed = delete_record(opened, Bytes(key))
    for full, _ in scan(opened, key + UNDER):
        existed = delete_record(opened, Bytes(full)) or existed
    return existed


def _is_lock(record: Record, name: str) -> bool:
    try:
        number(LOCK, record.data, name)
    except InstepError:  # something else, or damaged beyond use
        return False
    return True


def _entries(store: Store, prefix: bytes) -> Iterator[tuple[bytes, Record]]:
    after: bytes | None = None
    while page := store.scan(prefix, after):
        yield from page
        after = page[-1][0]


def _single(codec: Codec, name: str, record: Record) -> Description:
    kind = _KINDS.get(record.data[:1], "unknown")
    cls, state = _shown(codec, record.data)
    return Description(name, kind, cls, record.version, None, len(record.data), state)


def _shown(codec: Codec, data: bytes) -> tuple[str | None, Any]:
    """Class and state, as far as they can be shown without the program's classes."""
    try:
        if data[:1] in (COUNTER, LOCK):
            return None, int(data[1:], 16)
        value = codec.unpack(data[1:])
        if data[:1] == OBJECT:
            tag, _, state = value
            return tag, state
    except (InstepError, ValueError, TypeError) as error:
        return None, f"(cannot be shown: {error})"
    return None, value
