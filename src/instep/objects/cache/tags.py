"""Tags: what many entries have in common, so that all of them can be made invalid at once.

How it stays right: a tag is a record with a number like no other. An entry keeps the numbers of its
tags as they were *before* its value was made, and is valid only while they are the same. Whoever
invalidates a tag deletes its record; the next entry with it makes a new number. So neither an entry
that is being made meanwhile, nor one whose tag a store has forgotten, is ever taken for valid.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from ...codec import Codec
from ...errors import Misuse
from ...stores.base import Store
from ...stores.keys import TAG
from ...transaction import Opened
from ..kinds import CACHE
from ..names import utf8

ALL = ""  # the tag of every entry, in a store that cannot list them


class Tags:
    """The tags of one cache.

    Args:
        codec: of the space.
        prefix: what the keys of the cache begin with.
    """

    def __init__(self, codec: Codec, prefix: bytes) -> None:
        self._codec = codec
        self._prefix = prefix + TAG

    def key(self, tag: str) -> bytes:
        """The key of a tag's record."""
        return self._prefix + utf8(tag)

    def now(
        self, store: Store, tags: Iterable[str], until: float, timeout: float
    ) -> dict[str, bytes]:
        """What the tags of an entry that is about to be made are now.

        Args:
            store: the store.
            tags: which.
            until: the time until which the entry may be kept, in seconds since the epoch; 0.0 for
                always. The tag is kept as long.
            timeout: the longest wait, in seconds.
        """
        return {tag: self._now(store, self.key(tag), until, timeout) for tag in tags}

    def valid(self, store: Store, tags: dict[str, bytes]) -> bool:
        """Whether the tags of an entry are still what they were."""
        for tag, before in tags.items():
            record = store.read(self.key(tag))
            if record is None or record.data != before:
                return False
        return True

    def delete(self, opened: Opened, tag: str) -> None:
        """Make the entries that have a tag invalid."""
        opened.store.update(self.key(tag), lambda old: (None, None), opened.timeout)

    def _now(self, store: Store, key: bytes, until: float, timeout: float) -> bytes:
        record = store.read(key)
        if record is not None and (not record.expires or 0.0 < until <= record.expires):
            return record.data
        number = CACHE + self._codec.pack(os.urandom(8), "a tag")

        def keep(old: bytes | None) -> tuple[bytes, bytes]:
            data = number if old is None else old
            return data, data

        return store.update(key, keep, timeout, expires=until)


def checked(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags of an entry.

    Raises:
        Misuse: they are not texts, or one is empty.
    """
    if isinstance(tags, str):
        raise Misuse(f"tags are a list of texts; this is one text: tags=[{tags!r}]")
    found = tuple(tags)
    for tag in found:
        if not isinstance(tag, str) or not tag:
            raise Misuse(f"a tag is a text that is not empty; this is {tag!r}")
    return found
