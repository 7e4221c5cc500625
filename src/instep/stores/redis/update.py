"""Updates on a Redis server: in one round trip where the server can do it by itself.

Any other change is made of what was read here and written by a script if the record is still that
very one, which its transaction id tells. After a few races lost, the key is held for it.
"""

from __future__ import annotations

import time
from typing import Any, cast

from ...errors import LockTimeout, StoreError
from ..base import Change, T
from ..change import Add, Put
from ..record import alive, next_txid
from .hold import RedisHold, written
from .layout import ANNOUNCED
from .place import Place, record_of
from .scripts import ADD, PUT, SWAP, Request, Script, packed

_RACES = 4  # lost ones, after which the key is held
_WHOLE = 1 << 53  # the server's numbers have gaps beyond it
_BUSY, _DONE, _OTHER, _BEFORE = range(4)  # what a script answers

_monotonic = time.monotonic


class Update:
    """A change of one key.

    Args:
        place: the server.
        key: the key.
        timeout: the longest wait for a holder, in seconds.
        expires: as in `Store.update`.
        version: likewise.
    """

    def __init__(
        self,
        place: Place,
        key: bytes,
        timeout: float,
        expires: float | None,
        version: int | None,
    ) -> None:
        self._place = place
        self._key = key
        self._timeout = timeout
        self._deadline = _monotonic() + timeout
        self._kept = expires is None
        self._written = written(expires, version)
        self._shard = place.layout.shard(key)

    def make(self, change: Change[T]) -> T:
        """Make the change; its result."""
        answer: list[Any] = [_OTHER]
        if type(change) is Add and abs(change.amount) < _WHOLE > abs(change.start):
            amount, start = b"%d" % change.amount, b"%d" % change.start
            answer = self._send(ADD, change.lead, amount, start)
        elif type(change) is Put:
            answer = self._send(PUT, change.data)
        if answer[0] == _OTHER:
            return self._swap(change)
        result: Any = int(answer[1]) if type(change) is Add else None
        return cast("T", result)

    def _swap(self, change: Change[T]) -> T:
        """Read, change, and write if it is still what was read."""
        txid, record = self._place.found(self._key, self._place.until(self._deadline))
        for _ in range(_RACES):
            old = record.data if record else None
            new, result = change(old)
            if new is old and self._kept:
                return result
            what = b"d" if new is None else b"w"
            answer = self._send(SWAP, txid or b"", what, new or b"")
            if answer[0] != _OTHER:
                return result
            txid, record = answer[3], alive(record_of(answer[1:]))
        return self._hold(change)

    def _hold(self, change: Change[T]) -> T:
        """Too many others: make it like a call."""
        place, key = self._place, self._key
        left = max(0.0, self._deadline - _monotonic())
        try:
            hold = RedisHold(place, place.holds, (key,), left)
        except LockTimeout as late:
            raise place.holds.timeout(key, self._timeout, {}, late.holder) from None
        with hold:
            old = hold.load(key)
            new, result = change(old)
            if new is not old or not self._kept:
                hold.written = self._written
                hold.commit({key: new})
        return result

    def _send(self, script: Script, *words: bytes) -> list[Any]:
        """What a script answers when nobody holds the key."""
        answer = self._once(script, words)
        if answer[0] != _BUSY:
            return answer
        holds = self._place.holds
        slot, left = holds.slot(self._key), self._deadline - _monotonic()
        if left <= 0 or not holds.take(slot, left):
            raise self._late()
        try:
            while True:
                answer = self._once(script, words)
                if answer[0] != _BUSY:
                    return answer
                left = self._deadline - _monotonic()
                if left <= 0:
                    raise self._late()
                self._place.await_turn(self._key, min(left, answer[1] / 1e6))
        finally:
            holds.free(slot)

    def _late(self) -> LockTimeout:
        holder = self._place.holder(self._key)
        return self._place.holds.timeout(self._key, self._timeout, {}, holder)

    def _once(self, script: Script, words: tuple[bytes, ...]) -> list[Any]:
        place = self._place
        calls, shard = place.calls, self._shard
        waits = ANNOUNCED if self._deadline > _monotonic() else b"0"
        session = calls.session()
        try:
            body = b"%b%b%b%b%b" % (
                session.places(shard),
                place.layout.pair(shard, self._key),
                packed(b"%d" % next(session.numbers), b"%d" % next_txid(), waits),
                self._written,
                packed(*words),
            )
            request = Request(script, shard, 5, 10 + len(words), body, False, True)
            answer: list[Any] = calls.run(request, place.until(self._deadline))
        finally:
            calls.give_back(session)
        if answer[0] > _BEFORE:
            raise StoreError(f"{place.url}: a request came after its successor; call again")
        return answer
