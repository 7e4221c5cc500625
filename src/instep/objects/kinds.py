"""What a record is: its data begins with a byte that tells, so that no kind is read as another."""

from __future__ import annotations

from ..errors import Misuse, StoreError

OBJECT, COUNTER, VALUE, ENTRY, LOCK = b"o", b"c", b"v", b"e", b"l"
CACHE = b"h"
ONCE, LEADER = b"d", b"t"  # done; term

WORDS = {
    OBJECT: "a shared object",
    COUNTER: "a counter",
    VALUE: "a value",
    ENTRY: "an entry of a mapping",
    LOCK: "a lock",
    CACHE: "an entry of a cache",
    ONCE: "something done once",
    LEADER: "a leader",
}


def expect(kind: bytes, data: bytes, name: str) -> Misuse:
    """The error for a record that is of another kind than the program declares."""
    found = WORDS.get(data[:1], "something that this release does not know")
    return Misuse(
        f"{name!r} is {found} in the store, and the program declares {WORDS[kind]}: "
        "use another name, or delete the record"
    )


def number(kind: bytes, data: bytes, name: str) -> int:
    """The whole number that a counter or a lock keeps."""
    if data[:1] != kind:
        raise expect(kind, data, name)
    try:
        return int(data[1:], 16)
    except ValueError:
        raise StoreError(
            f"the record of {name!r} is damaged: {data[:40]!r}; delete it to begin anew"
        ) from None
