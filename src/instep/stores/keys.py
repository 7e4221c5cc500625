"""How a name and what lies under it make a key, and how people read one.

A name has no control characters, so NUL can part it from what lies under it. That begins with a
tag: the key of an entry is a text as it is, or any other value in its bytes; a lock's hold has its
own, and so have the flights, tags and figures of a cache.
"""

from __future__ import annotations

from ..errors import Misuse

MAX_KEY = 4096  # bytes; a name longer than that is a mistake, not a name
UNDER = b"\0"
TEXT, OTHER, LOCK = b"s", b"x", b"l"
FLIGHT, TAG, FIGURES, NUMBER = b"f", b"t", b"n", b"c"  # of a cache


def readable(key: bytes) -> str:
    """A key as people know it: `stock`, `stock['tea']`."""
    name, _, rest = key.partition(UNDER)
    shown = name.decode(errors="replace")
    if rest[:1] in (TEXT, FLIGHT):
        return f"{shown}[{rest[1:].decode(errors='replace')!r}]"
    return f"{shown}[…]" if rest[:1] == OTHER else shown


def check_key(key: bytes) -> None:
    """Raise Misuse for what no store takes as a key.

    Raises:
        Misuse: it is empty or too long, or begins with NUL, as what is the store's own does.
    """
    if not key or key[:1] == UNDER:
        raise Misuse(f"a key is not empty and does not begin with NUL; this is {key[:40]!r}")
    if len(key) > MAX_KEY:
        raise Misuse(
            f"a name of {len(key):,} bytes, beginning {readable(key[:40])!r}: names have at most "
            f"{MAX_KEY:,} bytes; keep long text in the state"
        )
