"""What is in a store: its names, what is under them, and how to be rid of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .cells import Bytes
from .codec import Codec
from .errors import InstepError, Misuse
from .objects.kinds import CACHE, COUNTER, ENTRY, LEADER, LOCK, OBJECT, ONCE, VALUE, number
from .objects.names import encoded, entry
from .stores.base import Record, Store
from .stores.keys import OTHER, TEXT, UNDER
from .stores.listing import everything
from .stores.record import PREFIX
from .transaction import Opened, scan
from .transaction import delete as delete_record

_KINDS = {
    OBJECT: "object",
    COUNTER: "counter",
    VALUE: "value",
    LOCK: "lock",
    ENTRY: "mapping",
    ONCE: "once",
    LEADER: "leader",
}
_MANY = {OBJECT: "family", ENTRY: "mapping", CACHE: "cache"}


@dataclass(frozen=True, slots=True)
class Description:
    """What the store keeps under a name.

    Args:
        name: the name.
        kind: object, family, counter, value, mapping, cache, lock, once or leader.
        cls: the class of an object or a family, or None.
        version: how often it was committed; None for families, mappings and caches.
        entries: the number of members or entries; None for single records.
        size: bytes of data, all entries together.
        state: the attributes, the number, the value; when and by whom it was done; who leads; for
            families, mappings and caches the first keys.
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
    under = key + UNDER
    records = list(everything(store, under))
    if not records:
        raise Misuse(
            f"there is nothing under the name {name!r}; names(), or `flask instep ls`, lists what "
            "there is"
        )
    first = next((record.data for _, record in records if record.data[:1] in _MANY), CACHE)
    entries = [full for full, _ in records if full[len(under) :][:1] in (TEXT, OTHER)]
    return Description(
        name=name,
        kind=_MANY[first[:1]],
        cls=_shown(codec, first)[0] if first[:1] == OBJECT else None,
        version=None,
        entries=len(entries),
        size=sum(len(record.data) for _, record in records),
        state=[entry(under, full, codec) for full in entries[:20]],
    )


def delete(opened: Opened, name: str) -> bool:
    """Delete everything under a name."""
    key = encoded(name)
    record = opened.store.read(key)
    if record is not None and (_is_lock(record, name) or record.data[:1] == LEADER):
        kind = _KINDS[record.data[:1]]
        raise Misuse(f"{name!r} is a {kind}: its fence must never go back, so it stays")
    existed = delete_record(opened, Bytes(key))
    if existed and not opened.store.powers.listing:
        return True  # a name is one thing: what is a record has no entries to look for
    for full, _ in scan(opened, key + UNDER):
        existed = delete_record(opened, Bytes(full)) or existed
    return existed


def _is_lock(record: Record, name: str) -> bool:
    try:
        number(LOCK, record.data, name)
    except InstepError:  # something else, or damaged beyond use
        return False
    return True


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
