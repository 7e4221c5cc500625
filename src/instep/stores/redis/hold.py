"""Holds on a Redis server: a lease with its holder's token, and a fence that grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ...errors import Holder, LeaseLost, LockTimeout
from ..holds import too_late
from ..keys import readable
from ..local import unheld
from ..record import next_txid
from ..served import ServedHold
from .layout import ANNOUNCED
from .place import Place, holder_of
from .scripts import COMMIT, HOLD, RELEASE, RENEW, Request, packed

_ANNOUNCED, _NO_WAIT = packed(ANNOUNCED), packed(b"0")
_WOKEN, _NOT_WOKEN = packed(b"1"), packed(b"0")
_AS_IT_IS = packed(b"-", b"", b"", b"=", b"")
_WRITE, _DELETE = packed(b"w"), packed(b"d")
AS_USUAL = packed(b"=", b"")  # the expiry as it is, the next version
_GOODBYE = 0.5  # seconds that letting go may take; if it fails, the lease ends

_monotonic = time.monotonic


class _Mine(NamedTuple):
    """A key that is held on the server: its fence, and the record as it was then."""

    fence: int
    data: bytes | None
    txid: bytes


class RedisHold(ServedHold[Place]):
    """Held keys of a Redis store; all of them are in one shard."""

    __slots__ = ("_mine", "_shard", "_token", "_wanted", "written")

    def extend(self, keys: Iterable[bytes], timeout: float) -> None:
        keys = list(keys)
        self._place.together([*self._mine, *keys])
        super().extend(keys, timeout)

    def load(self, key: bytes, *, updated: bool = False) -> bytes | None:
        return self._mine[key].data

    def renew(self) -> bool:
        """Let the lease begin anew; whether every key is still held."""
        place = self._place
        records = [place.layout.record(key) for key in self._mine.copy()]
        if not records:
            return False
        body = packed(*records, self._token) + place.lease(self._lasting)
        request = Request(RENEW, self._shard, len(records), len(records) + 2, body)
        kept = place.calls.run(request, _monotonic() + self._seconds() / 6)
        return bool(kept == len(records))

    def _seconds(self) -> float:
        return self._lasting or self._place.keepers.lease

    def _prepare(self) -> None:
        self._mine: dict[bytes, _Mine] = {}
        self._shard = 0
        self.written = AS_USUAL
        self._token = b""
        self._wanted: bytes | None = None

    def _take(self, keys: Sequence[bytes], deadline: float) -> bytes | None:
        place = self._place
        if not self._token:
            self._shard = place.layout.shard(keys[0])
            whose = (place.who, threading.get_ident(), time.time(), next_txid())
            self._token = b"%b %d %.6f %x" % whose
        asked = list(keys)
        busy: bytes | None = None
        try:
            busy = self._acquire(asked, deadline)
        except BaseException:
            self._let_go(keys)
            raise
        if busy is not None:
            self._let_go([key for key in keys if key in self._mine])
        return busy

    def _acquire(self, keys: list[bytes], deadline: float) -> bytes | None:
        """Hold one key after the other; the first that stays busy until the deadline, or None."""
        place, shard, woken = self._place, self._shard, _NOT_WOKEN
        lease = place.lease(self._lasting)
        until = place.until(deadline)
        while True:
            waits = _ANNOUNCED if deadline > _monotonic() else _NO_WAIT
            pairs = [place.layout.pair(shard, key) for key in keys]
            body = b"".join((*pairs, packed(self._token), lease, waits, woken))
            count = 2 * len(keys)
            answer = place.calls.run(Request(HOLD, shard, count, count + 4, body), until)
            held, at, first = answer[0], 1, not self._mine
            for key in keys[:held]:
                fence, data, txid = answer[at : at + 3]
                self._mine[key] = _Mine(fence, data, txid or b"")
                at += 3
            if first and held:
                place.keepers.of(self._lasting).watch(self)
            if held == len(keys):
                return None
            keys = keys[held:]
            left = deadline - _monotonic()
            if left <= 0:
                return keys[0]
            if self._mine:
                place.tell(self._shard, self._token, keys[0])
            turn = place.await_turn(keys[0], min(left, answer[at + 1] / 1e6))
            woken = _WOKEN if turn else _NOT_WOKEN

    def _let_go(self, keys: Iterable[bytes]) -> None:
        """Release on the server what may be held there; if that fails, the lease ends."""
        keys = list(keys)
        for key in keys:
            self._mine.pop(key, None)
        place = self._place
        if not self._mine:
            place.keepers.of(self._lasting).drop(self)
        if keys:
            pairs = [place.layout.pair(self._shard, key) for key in keys]
            body = b"".join((*pairs, packed(self._token)))
            count = 2 * len(keys)
            with suppress(Exception):
                request = Request(RELEASE, self._shard, count, count + 1, body)
                place.calls.once(request, _monotonic() + _GOODBYE)

    def _abandon(self) -> None:
        self._let_go(list(self._mine))

    def _holder(self, key: bytes) -> Holder | None:
        token, self._wanted = self._place.rival(key)
        return holder_of(token)

    def _late(self, key: bytes, timeout: float) -> LockTimeout:
        """Says of a deadlock, too, if whoever has the key waits for one of these elsewhere."""
        late = super()._late(key, timeout)
        if self._wanted in self._held.values():
            return too_late(key, timeout, late.holder, self._wanted)
        return late

    def _send(self, changes: Mapping[bytes, bytes | None]) -> None:
        place, keys = self._place, list(self._mine)
        count = 6 + 8 * len(keys)
        session = place.calls.session()
        try:
            parts = [session.places(self._shard)]
            parts += [place.layout.pair(self._shard, key) for key in keys]
            number, txid = b"%d" % next(session.numbers), b"%d" % next_txid()
            parts.append(packed(self._token, number, txid))
            parts += [self._changed(key, changes) for key in keys]
            body = b"".join(parts)
            request = Request(COMMIT, self._shard, 3 + 2 * len(keys), count, body, True, True)
            answer = place.calls.run(request, _monotonic() + place.patience)
        finally:
            place.calls.give_back(session)
        if answer:
            self._raise(answer, keys)
        self._mine.clear()
        place.keepers.of(self._lasting).drop(self)

    def _changed(self, key: bytes, changes: Mapping[bytes, bytes | None]) -> bytes:
        """What is to become of a held key, packed."""
        fence, _, txid = self._mine[key]
        if key not in changes:
            return b"$%d\r\n%d\r\n%b" % (len(str(fence)), fence, _AS_IT_IS)
        data = changes[key]
        return b"$%d\r\n%d\r\n%b$%d\r\n%b\r\n$%d\r\n%b\r\n%b" % (
            len(str(fence)),
            fence,
            _DELETE if data is None else _WRITE,
            len(txid),
            txid,
            len(data or b""),
            data or b"",
            self.written,
        )

    def _raise(self, answer: int, keys: list[bytes]) -> None:
        if answer < 0:
            raise unheld(keys[-answer - 1])
        raise LeaseLost(
            f"the hold on {readable(keys[answer - 1])} had ended before its commit: this process "
            f"was silent for longer than its lease of {self._seconds():g} s (?lease=), or "
            f"{self._place.url} lost it; nothing was written: call again"
        )


def written(expires: float | None, version: int | None) -> bytes:
    """An expiry and a version as the scripts read them, packed."""
    if expires is None and version is None:
        return AS_USUAL
    text = b"=" if expires is None else repr(float(expires)).encode() if expires else b""
    return packed(text, b"" if version is None else b"%d" % version)
