"""The session of a request: a dictionary that knows what has become of it since it was loaded.

How it stays right. The bytes that were loaded are kept. At the end the dictionary is packed again,
and compared key by key, so that changes inside of values are seen as well, and only what this
request has changed is written. A transaction holds the record, loads it anew, and commits what the
block has left.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NamedTuple

from flask.sessions import SessionMixin
from itsdangerous import Signer

from ...errors import Conflict, Misuse
from ...transaction import Transaction, current
from .records import Changes, Fate, Found, Records, is_empty

log = logging.getLogger("instep")

_BRIEF = 60.0  # seconds; the least that a request has to come to its end with a new id
_RENEWED = 0.05  # the part of its lifetime that has gone when a session's expiry is moved


class Cookie(IntEnum):
    """What the answer does about the cookie."""

    LEFT = 0
    SET = 1
    DROPPED = 2


class _Savepoint(NamedTuple):
    packed: bytes
    base: bytes | None
    cleared: bool
    rotated: bool
    inside: Transaction | None


class Session(dict[str, Any], SessionMixin):
    """One user's session, as `flask.session` gives it.

    What differs from Flask's own: changes inside of values are seen without `modified`; `rotate`
    and `transaction`; after `clear` whatever is put in belongs to a new session with a new id.

    Args:
        records: where sessions are kept.
        sid: its id, if it has been kept already.
        found: what was kept.
        stale: whether its cookie was signed with a key that is about to go.

    Example:
        >>> from flask import Flask, session
        >>> from instep import Space
        >>> from instep.integrations.session import Sessions
        >>> app = Flask(__name__)
        >>> app.secret_key = "dev"
        >>> _ = Sessions(app, space=Space("memory:"))
        >>> @app.post("/visit")
        ... def visit() -> str:
        ...     with session.transaction():
        ...         session["visits"] = session.get("visits", 0) + 1
        ...     return str(session["visits"])
        >>> client = app.test_client()
        >>> client.post("/visit").text, client.post("/visit").text
        ('1', '2')
    """

    def __init__(
        self, records: Records, sid: str = "", found: Found | None = None, *, stale: bool = False
    ) -> None:
        super().__init__(records.unpack(found.packed) if found else {})
        self._records = records
        self._sid = sid
        self._base = found.packed if found else None  # the bytes that changes are told from
        self._expires = found.expires if found else 0.0
        self._lasting = self.permanent  # as its cookie says
        self._stale = stale
        self._cleared = self._rotated = self._forced = self._committed = False
        self._inside: Transaction | None = None
        self._cookie = Cookie.LEFT
        self.new = found is None
        self.refused = False  # once something in it could not be written

    @property
    def modified(self) -> bool:
        """Whether this request has changed it, inside of its values too."""
        if self._forced or self._cleared or self._rotated or self._base is None:
            return self._forced or self._cleared or self._rotated or bool(self)
        try:
            return self._records.pack(self) != self._base
        except Misuse:  # something that cannot be stored, and could not have been loaded
            return True

    @modified.setter
    def modified(self, value: bool) -> None:
        """Nobody needs to say so; who does has the expiry moved."""
        self._forced = value

    def clear(self) -> None:
        """End the session: its record is deleted, and its cookie.

        What is put in afterwards is in a new session, with a new id.
        """
        super().clear()
        self._cleared = True

    def rotate(self) -> None:
        """Give the session a new id at the end of the request, and keep what is in it.

        In a transaction that is at the end of its block.

        Do so whenever a user gets more rights, as at a login: an id that somebody else may know
        from before is worth nothing then.
        """
        self._rotated = True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the session: load it anew, run a block, and commit what the block has left.

        Other requests of the user that change the session wait until the block has ended. Take
        values out of the session inside of the block: those from before are old.

        Raises:
            Conflict: the session has ended meanwhile, and nothing was changed.
            LockTimeout: another request held it for too long.
            Misuse: it is inside of another transaction, or a value cannot be stored.
        """
        before = self._savepoint()
        outer = current()
        if outer is not None and outer is not self._inside:
            raise Misuse(
                "session.transaction() inside of another transaction: begin with the session's, "
                "and do the rest inside of its block"
            )
        try:
            if outer is not None or self._base is None or self._cleared:
                yield  # held already; or of an id that nobody has been told of
            else:
                with self._records.hold() as held:
                    self._enter(held, self._base)
                    yield
                    self._leave(held)
                if self._rotated and not self._cleared:
                    self._arrive()
        except BaseException:
            self._roll_back(before)
            raise
        self._inside = before.inside

    def signed(self, signer: Signer) -> str:
        """What its cookie holds."""
        return signer.sign(self._sid).decode()

    def save(self, lifetime: float, refresh: bool) -> Cookie:
        """Write what has changed.

        Args:
            lifetime: seconds until the session ends.
            refresh: whether that is counted anew by each request.

        Returns:
            What the answer does about the cookie.

        Raises:
            InstepError: nothing was written.
        """
        try:
            self._cookie = self._save(lifetime, refresh) or self._cookie
        except BaseException:
            self.refused = True
            raise
        return self._cookie

    def _save(self, lifetime: float, refresh: bool) -> Cookie:
        packed = self._records.pack(self)
        cleared = self._cleared
        if cleared and self._sid:
            self._records.end(self._sid)
            self._forget()
        if self._base is None and is_empty(self):
            return Cookie.DROPPED if cleared else Cookie.LEFT
        if self._base is None:
            self._sid = self._records.create(self, lifetime)
            return self._kept(packed, lifetime, Cookie.SET)
        changes = Changes({}, frozenset())
        if packed != self._base:
            changes = self._records.differences(self._base, self)
        due = self._due(lifetime, refresh or self._committed)
        renewed = due or self._forced or self._stale or self.permanent != self._lasting
        if not (changes or self._rotated or renewed):
            return Cookie.LEFT
        return self._changed(packed, changes, lifetime)

    def _changed(self, packed: bytes, changes: Changes, lifetime: float) -> Cookie:
        """Write to the record that there is, under its id or a new one."""
        cookie = self._rotated or self._stale or self.permanent or self._lasting
        if self._rotated:
            fate, self._sid = self._records.move(self._sid, changes, lifetime)
        else:
            fate = self._records.merge(self._sid, changes, lifetime)
        if fate is Fate.EMPTIED:
            self._forget()
            return Cookie.DROPPED
        if fate is Fate.ENDED:
            log.info("instep: a session ended while a request was under way; its changes are lost")
            cookie = False  # nor is it dropped: a new one may have come meanwhile
        return self._kept(packed, lifetime, Cookie.SET if cookie else Cookie.LEFT)

    def _kept(self, packed: bytes, lifetime: float, cookie: Cookie) -> Cookie:
        self._base, self._expires, self._lasting = packed, time.time() + lifetime, self.permanent
        self._cleared = self._rotated = self._forced = self._committed = self._stale = False
        return cookie

    def _forget(self) -> None:
        self._sid, self._base = "", None

    def _due(self, lifetime: float, refresh: bool) -> bool:
        """Whether so much of the lifetime has gone that it pays to count anew."""
        left = self._expires - time.time()
        # One that expired while a transaction held it was committed as a record without an expiry.
        return left <= 0 or (refresh and abs(lifetime - left) > lifetime * _RENEWED)

    def _enter(self, held: Transaction, base: bytes) -> None:
        now = self._records.content(held, self._sid)
        if now is None:
            raise Conflict(
                "the session has ended while this request was under way (logged out, its id "
                "rotated, or expired); nothing was changed: let the user log in again"
            )
        changes = self._records.differences(base, self)
        self._become(changes.applied(self._records.unpack(now)))
        self._base, self._inside = now, held

    def _leave(self, held: Transaction) -> None:
        """What the block has left goes into the commit; an emptied session has ended."""
        self._cleared = self._cleared or is_empty(self)
        self._records.write(held, self._sid, self)  # refuses what cannot be kept, under any id
        if self._cleared or self._rotated:
            self._records.write(held, self._sid, None)
        packed = self._records.pack(self)
        self._committed = self._committed or packed != self._base
        self._base = packed

    def _arrive(self) -> None:
        """Go on under a new id: who knows the old one must not see what the block has left."""
        left = max(self._expires - time.time(), _BRIEF)
        self._sid = self._records.create(self, left)
        self._expires = time.time() + left
        self._rotated, self._committed, self._cookie = False, True, Cookie.SET

    def _become(self, items: dict[str, Any]) -> None:
        super().clear()
        self.update(items)

    def _savepoint(self) -> _Savepoint:
        packed = self._records.pack(self)
        return _Savepoint(packed, self._base, self._cleared, self._rotated, self._inside)

    def _roll_back(self, before: _Savepoint) -> None:
        _, self._base, self._cleared, self._rotated, self._inside = before
        self._become(self._records.unpack(before.packed))
