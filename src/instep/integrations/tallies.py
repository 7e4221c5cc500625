"""Windows in a space: the records that rate limits are counted in.

How it stays right. A change of a window is one update of one record: the store reads, judges and
writes it in a single step, and the time is taken inside of that step, so no two hits see the same
room, and those that had to wait are not judged by an old clock. A hit that is refused writes
nothing. What a window is worth is told by the times in it; the record's own expiry, which is a
little later, only lets the store forget it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Protocol, TypeVar

from ..codec import Codec
from ..errors import Conflict, Misuse, StoreError
from ..objects.kinds import ENTRY, expect
from ..objects.names import encoded
from ..stores.keys import TEXT, UNDER
from ..stores.listing import everything
from ..transaction import Opened
from .windows import State

T = TypeVar("T")
Judge = Callable[[State | None, float], tuple[State | None, T]]
"""A state and the time -> the new state (None: leave it as it is), the result."""

_LONGEST = 400  # bytes of a key that is kept as it is

_codec = Codec()


class Place(Protocol):
    """Whose store it is."""

    def opened(self) -> Opened:
        """The store, with its limits."""


class Tallies:
    """Windows under one name of a space, which looks like a mapping from outside.

    Args:
        place: the space, or whoever knows it.
        name: the name.

    Raises:
        Misuse: the name cannot be one.
    """

    def __init__(self, place: Place, name: str) -> None:
        self._place = place
        self._name = name
        self._prefix = encoded(name) + UNDER + TEXT

    def opened(self) -> Opened:
        """The store."""
        return self._place.opened()

    def change(self, kind: str, key: str, life: float, judge: Judge[T]) -> T:
        """Change a window in one step.

        Args:
            kind: which kind of window; a key has one of each.
            key: any text.
            life: for how many seconds the record is of use.
            judge: see `Judge`; pure, and may run more than once.

        Returns:
            What `judge` gave with the state that was written.
        """
        if not life > 0:
            raise Misuse(f"a window of {life!r} seconds: its length is more than 0")
        opened = self.opened()

        def change(old: bytes | None) -> tuple[bytes, T]:
            state, result = judge(self._read(old), time.time())
            if state is None:
                raise _Kept(result)
            return _bytes(state, opened, key), result

        # Later than the window's end, also where `judge` has to wait before it can begin.
        expires = time.time() + life + opened.timeout
        try:
            return opened.store.update(
                self._entry(kind, key), change, opened.timeout, expires=expires
            )
        except _Kept as kept:
            result: T = kept.result
            return result

    def state(self, kind: str, key: str) -> State | None:
        """A window as it was last written."""
        record = self.opened().store.read(self._entry(kind, key))
        return self._read(record.data if record else None)

    def delete(self, kind: str, key: str) -> None:
        """Forget a window."""
        self._forget(self._entry(kind, key))

    def delete_all(self) -> int:
        """Forget all of them, one at a time; how many there were."""
        return sum(self._forget(key) for key, _ in everything(self.opened().store, self._prefix))

    def writable(self) -> bool:
        """Whether the store takes a write."""
        opened = self.opened()
        try:
            opened.store.update(self._prefix, lambda old: (old, None), opened.timeout)
        except (StoreError, Conflict):
            return False
        return True

    def _read(self, data: bytes | None) -> State | None:
        if data is None:
            return None
        if data[:1] != ENTRY:
            raise expect(ENTRY, data, self._name)
        state: object = _codec.unpack(data[1:])
        if not isinstance(state, list) or len(state) not in (2, 3):
            raise Misuse(
                f"{self._name!r} has entries that are no rate limits: give these a name of their "
                "own (the option key_prefix)"
            )
        return state

    def _entry(self, kind: str, key: str) -> bytes:
        """The record of a key; of one that is too long or no valid text, that of its digest."""
        text = key.encode(errors="surrogatepass")
        if len(text) <= _LONGEST and _valid(text):
            return b"%b%b:%b" % (self._prefix, kind.encode(), text)
        digest, start = sha256(text).hexdigest(), key[:60].encode(errors="replace")
        return b"%b%b#%b#%b" % (self._prefix, kind.encode(), digest.encode(), start)

    def _forget(self, entry: bytes) -> bool:
        opened = self.opened()
        return opened.store.update(entry, lambda old: (None, old is not None), opened.timeout)


class _Kept(Exception):
    """The record stays as it is, its expiry too."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


def _valid(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _bytes(state: State, opened: Opened, key: str) -> bytes:
    data = ENTRY + _codec.pack(state, key)
    if len(data) > opened.max_record:
        raise Misuse(
            f"the hits in the window of {key[:80]!r} have {len(data):,} bytes, and a record has "
            f"at most {opened.max_record:,}: allow more (max_record, INSTEP_MAX_RECORD), or take "
            "the strategy sliding-window-counter, which needs a few bytes only"
        )
    return data
