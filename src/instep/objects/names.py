"""Names, and the keys that are made of them.

A name has no control characters, so NUL can part it from what lies under it, and nothing that a
user supplies as the key of an entry can leave the name's own namespace.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..codec import Codec
from ..errors import Misuse
from ..stores.keys import OTHER, TEXT, check_key
from ..transaction import Opened


class Named:
    """What a space has under a name; it cannot lie in the state of something else."""

    __slots__ = ()
    __instep_refusal__ = "which is shared itself: keep its name, or its key, instead"


class Owner(Protocol):
    """The space that an object is in, as its objects see it."""

    codec: Codec

    def opened(self) -> Opened:
        """The store; opened at first use in each process."""


def encoded(name: str) -> bytes:
    """The key of a name.

    Raises:
        Misuse: it is not a non-empty text without control characters, or it is too long.
    """
    if not isinstance(name, str) or not name:
        raise Misuse(f"a name is a text that is not empty; this is {name!r}")
    if any(character < " " or character == "\x7f" for character in name):
        raise Misuse(f"a name has no control characters; this one has: {name[:80]!r}")
    key = utf8(name)
    check_key(key)
    return key


def under(prefix: bytes, key: Any, codec: Codec) -> bytes:
    """The key of an entry: a text as it is, any other value that can be stored in its bytes."""
    if type(key) is str:
        full = prefix + TEXT + utf8(key)
    else:
        full = prefix + OTHER + codec.pack(key, "the key")
    check_key(full)
    return full


def entry(prefix: bytes, full: bytes, codec: Codec) -> Any:
    """The value that `under` was given."""
    start = len(prefix) + 1
    tag, rest = full[len(prefix) : start], full[start:]
    return rest.decode() if tag == TEXT else codec.unpack(rest)


def text_prefix(prefix: bytes, beginning: str) -> bytes:
    """What the keys of all entries begin with whose own key is a text with this beginning."""
    if not isinstance(beginning, str):
        raise Misuse(f"a prefix is a text; this is {beginning!r}")
    return prefix + TEXT + utf8(beginning) if beginning else prefix


def utf8(text: str) -> bytes:
    """A text in bytes.

    Raises:
        Misuse: it has a lone surrogate in it.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Misuse(f"{text[:80]!r} is not valid Unicode text: {error.reason}") from None
