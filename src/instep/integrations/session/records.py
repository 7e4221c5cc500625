"""The records of sessions: made, merged, moved and ended, each in one step of the store.

How it stays right. A request says which keys it has put and which it has taken away, and the store
merges that into the bytes that are there *now*, in one update. So two requests of one user lose
nothing of each other unless both put the same key. A record that is not there any more is never
made again by a merge: what has been logged out stays logged out.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import Enum
from hashlib import sha256
from typing import Any, NamedTuple

from ...cells import Bytes
from ...errors import Misuse, StoreError
from ...objects.kinds import ENTRY, expect
from ...objects.names import encoded
from ...space import Space
from ...stores.keys import TEXT, UNDER
from ...transaction import Transaction, transaction

PERMANENT = "_permanent"  # what Flask keeps in a session beside the program's own


class Found(NamedTuple):
    """A session that lives.

    Args:
        packed: its bytes.
        expires: when it ends, in seconds since the epoch.
    """

    packed: bytes
    expires: float


class Changes(NamedTuple):
    """What a request has done to its session.

    Args:
        put: the keys that are new or have changed, with their values.
        gone: the keys that are there no more.
    """

    put: Mapping[str, Any]
    gone: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.put or self.gone)

    def applied(self, items: Mapping[str, Any]) -> dict[str, Any]:
        """What is left of some items with these changes made."""
        return {key: item for key, item in items.items() if key not in self.gone} | dict(self.put)


class Fate(Enum):
    """What became of a record that was merged into."""

    KEPT = "kept"
    EMPTIED = "emptied"
    """Nothing was left in it, so it was deleted."""
    ENDED = "ended"
    """It was not there any more: logged out, moved to another id, or expired."""


class Records:
    """The sessions in a space, each in a record under a name; they look like a mapping's entries.

    The store knows the SHA-256 of an id and not the id, so that who can read the store cannot take
    sessions over.

    Args:
        space: where they are.
        name: the name that they are under.
        entropy: bytes of randomness in an id.
    """

    def __init__(self, space: Space, name: str, entropy: int) -> None:
        self._space = space
        self._prefix = encoded(name) + UNDER + TEXT
        self._name = name
        self._entropy = entropy

    def pack(self, items: Mapping[str, Any]) -> bytes:
        """The bytes of a session.

        Raises:
            Misuse: a key is no text, or a value cannot be stored; the message has its path.
        """
        for key in items:
            if not isinstance(key, str):
                raise Misuse(f"a session has texts as keys; this one has {key!r}: take a text")
        return self._space.codec.pack(dict(items), "session")

    def unpack(self, packed: bytes) -> dict[str, Any]:
        """The values of a session."""
        items: dict[str, Any] = self._space.codec.unpack(packed)
        if type(items) is not dict:
            raise StoreError(f"a record of {self._name!r} is not a session's: use another name")
        return items

    def differences(self, before: bytes, items: Mapping[str, Any]) -> Changes:
        """What has to be done to the bytes of a session to make it these items."""
        old, pack = self.unpack(before), self._space.codec.pack
        put = {
            key: item
            for key, item in items.items()
            if key not in old or pack(old[key], "session") != pack(item, f"session[{key!r}]")
        }
        return Changes(put, frozenset(old.keys() - items.keys()))

    def load(self, sid: str) -> Found | None:
        """The session of an id, or None if there is none or it has ended."""
        record = self._space.opened().store.read(self._key(sid))
        return None if record is None else Found(self._content(record.data), record.expires)

    def create(self, items: Mapping[str, Any], lifetime: float) -> str:
        """Make a record for a session.

        Args:
            items: what is in it.
            lifetime: seconds until it ends.

        Returns:
            Its id, a new one.
        """
        sid = secrets.token_urlsafe(self._entropy)
        data = self._data(items)
        opened = self._space.opened()
        opened.store.update(
            self._key(sid), lambda _: (data, None), opened.timeout, expires=_until(lifetime)
        )
        return sid

    def merge(self, sid: str, changes: Changes, lifetime: float) -> Fate:
        """Make a request's changes to the record as it is now; without any, only its expiry moves.

        Args:
            sid: the id.
            changes: what the request has done.
            lifetime: seconds until the session ends.
        """

        def change(old: bytes | None) -> tuple[bytes | None, Fate]:
            if old is None:
                return None, Fate.ENDED
            if not changes:
                return old, Fate.KEPT
            items = changes.applied(self.unpack(self._content(old)))
            if is_empty(items):
                return None, Fate.EMPTIED
            return self._data(items), Fate.KEPT

        opened = self._space.opened()
        return opened.store.update(self._key(sid), change, opened.timeout, expires=_until(lifetime))

    def move(self, sid: str, changes: Changes, lifetime: float) -> tuple[Fate, str]:
        """Give a session another id, with a request's changes; the old one is worth nothing then.

        The old record is taken away before the new one is made: whoever dies between the two leaves
        a user logged out, and never a session with two ids.

        Returns:
            What became of it, and the new id.
        """
        data = self.end(sid)
        if data is None:
            return Fate.ENDED, sid
        items = changes.applied(self.unpack(self._content(data)))
        if is_empty(items):
            return Fate.EMPTIED, sid
        return Fate.KEPT, self.create(items, lifetime)

    def end(self, sid: str) -> bytes | None:
        """Delete a session's record; what was in it."""
        opened = self._space.opened()
        return opened.store.update(self._key(sid), lambda old: (None, old), opened.timeout)

    def hold(self) -> AbstractContextManager[Transaction]:
        """A transaction in which `content` and `write` may be called for a session."""
        return transaction(self._space.opened())

    def content(self, held: Transaction, sid: str) -> bytes | None:
        """The bytes of a session as they are now, held; None if it has ended."""
        data: bytes | None = held.cell(Bytes(self._key(sid))).data
        return None if data is None else self._content(data)

    def write(self, held: Transaction, sid: str, items: Mapping[str, Any] | None) -> None:
        """Replace a held session when the transaction commits, or delete it."""
        held.cell(Bytes(self._key(sid))).data = None if items is None else self._data(items)

    def _key(self, sid: str) -> bytes:
        return self._prefix + sha256(sid.encode()).hexdigest().encode()

    def _content(self, data: bytes) -> bytes:
        if data[:1] != ENTRY:
            raise expect(ENTRY, data, self._name)
        return data[1:]

    def _data(self, items: Mapping[str, Any]) -> bytes:
        data, limit = ENTRY + self.pack(items), self._space.opened().max_record
        if len(data) > limit:
            raise Misuse(
                f"the session would be {len(data):,} bytes, and a record has at most {limit:,}: "
                "keep the large parts in a mapping(…), by the user, or allow more with max_record= "
                "(INSTEP_MAX_RECORD)"
            )
        return data


def is_empty(items: Mapping[str, Any]) -> bool:
    """Whether nothing of the program's own is in a session."""
    return not items or items.keys() == {PERMANENT}


def _until(lifetime: float) -> float:
    return time.time() + lifetime
