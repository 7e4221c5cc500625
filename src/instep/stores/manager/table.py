"""A manager's verbs: what each request does to the records, and how it is answered.

How it stays right. One thread comes here, so each request is one step; those that write wait for
whoever holds the key (`queue`). A commit and a swap are compared with what their client has
loaded, all of it before anything is written. The answer to a client's last write is remembered
beyond the end of its connection: a client that lost it in the middle of a write comes back and
asks, and by asking makes sure that nothing can arrive any more on the connection that it lost.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import isnan
from struct import error as StructError

from ..keys import MAX_KEY, UNDER
from .queue import Client, Queue, Waiter
from .records import Records
from .wire import (
    ADD,
    CHANGED,
    COMMIT,
    DONE,
    FORGOTTEN,
    HOLD,
    MISSED,
    MORE,
    NUMBER,
    OTHER,
    PAGE,
    PING,
    PUT,
    READ,
    RECORDS,
    RECOVER,
    RELEASE,
    SCAN,
    SERIAL,
    SWAP,
    WAIT,
    WRITE,
    Field,
    Garbled,
    pack,
    record_field,
)

REMEMBERED = 100_000  # connections that are gone, of whose last write the outcome is still known
_PAGE_SIZE = 8 << 20  # bytes of data in one answer to a scan
_DIGITS = 16  # of a number that the server adds to; more are the client's to add to
_HEX = b"0123456789abcdef"
_RANGE = range(-(1 << 63), 1 << 63)
_DONE = pack(DONE)

Fields = list[Field]


class Table:
    """All of a manager's state."""

    def __init__(self) -> None:
        self._records = Records()
        self._queue = Queue()
        self._clients: dict[int, Client] = {}
        self._gone: OrderedDict[int, tuple[int, bytes]] = OrderedDict()
        self._forgotten = 0  # the highest number of a client whose outcome is forgotten
        self._forget_at = 0.0
        self._verbs: dict[int, Callable[[Client, Fields], None]] = {
            READ: self._read,
            HOLD: self._hold,
            COMMIT: self._commit,
            RELEASE: self._release,
            PUT: self._put,
            ADD: self._add,
            SWAP: self._swap,
            SCAN: self._scan,
            RECOVER: self._recover,
            PING: self._ping,
        }

    def join(self, client: Client) -> None:
        """A client has come, and has shown the key."""
        self._clients[client.number] = client

    def leave(self, client: Client) -> None:
        """A client's connection has ended; to be called once or more."""
        if self._clients.pop(client.number, None) is None:
            return
        if client.last is not None:
            self._gone[client.number] = client.last
            if len(self._gone) > REMEMBERED:
                self._forgotten = max(self._forgotten, self._gone.popitem(last=False)[0])
        self._queue.leave(client)

    def serve(self, client: Client, code: int, fields: Fields) -> None:
        """Do what a client asks for; it is answered now or when its turn comes.

        Raises:
            Garbled: it asks for what no client of this release does.
        """
        if client.waiting is not None:
            raise Garbled("a request before the answer to the one before")
        try:
            self._verbs[code](client, fields)
        except (KeyError, ValueError, TypeError, OverflowError, StructError) as error:
            raise Garbled(f"request {code}: {error!r}") from error

    def tick(self) -> float:
        """End what is over; in how many seconds, at the latest, it is to be called again."""
        left = self._forget_at - time.time()
        if left <= 0:
            left = self._records.forget_expired(self._queue.held)
            self._forget_at = time.time() + left
        return min(left, self._queue.tick())

    def _ping(self, client: Client, fields: Fields) -> None:
        client.answer(_DONE)

    def _read(self, client: Client, fields: Fields) -> None:
        [key] = fields
        client.answer(pack(RECORDS, record_field(self._records.live(_key(key)))))

    def _scan(self, client: Client, fields: Fields) -> None:
        prefix, after, limit = fields
        [most] = SERIAL.unpack(_some(limit))
        page, more = self._records.page(_some(prefix), after, most, _PAGE_SIZE)
        answer = [field for key, record in page for field in (key, record_field(record))]
        client.answer(pack(MORE if more else PAGE, *answer))

    def _hold(self, client: Client, fields: Fields) -> None:
        timeout, thread = WAIT.unpack(_some(fields[0]))
        keys = [_key(field) for field in fields[1:]]
        fresh = sorted({key for key in keys if key not in client.held})

        def loaded() -> bytes:
            return pack(RECORDS, *[record_field(self._records.live(key)) for key in keys])

        deadline = time.monotonic() + timeout
        self._queue.enter(Waiter(client, fresh, thread, deadline, loaded, True))

    def _release(self, client: Client, fields: Fields) -> None:
        self._queue.free(client, client.held)
        client.answer(_DONE)

    def _commit(self, client: Client, fields: Fields) -> None:
        serial, *rest = fields
        changes = [(_key(rest[at]), rest[at + 1], rest[at + 2]) for at in range(0, len(rest), 3)]
        answer = _DONE
        for key, seen, _ in changes:
            if key not in client.held:
                raise Garbled("a commit of what is not held")
            if not self._records.unchanged(key, SERIAL.unpack(_some(seen))[0]):
                answer = pack(CHANGED, key)
                break
        else:
            for key, _, data in changes:
                self._records.put(key, data)
        client.last = (SERIAL.unpack(_some(serial))[0], answer)
        self._queue.free(client, client.held)
        client.answer(answer)

    def _put(self, client: Client, fields: Fields) -> None:
        key, data = _key(fields[2]), _some(fields[3])

        def put(expires: float | None, version: int) -> bytes:
            record = self._records.live(key)
            if record is not None and record.data[:1] != data[:1]:
                return pack(OTHER)
            self._records.put(key, data, expires, version)
            return _DONE

        self._write(client, fields, put)

    def _add(self, client: Client, fields: Fields) -> None:
        key, lead = _key(fields[2]), _some(fields[3])
        [amount], [start] = NUMBER.unpack(_some(fields[4])), NUMBER.unpack(_some(fields[5]))

        def add(expires: float | None, version: int) -> bytes:
            record = self._records.live(key)
            number = start if record is None else _number(record.data, lead)
            if number is None or number + amount not in _RANGE:
                return pack(OTHER)
            number += amount
            self._records.put(key, lead + b"%x" % number, expires, version)
            return pack(DONE, NUMBER.pack(number))

        self._write(client, fields, add)

    def _swap(self, client: Client, fields: Fields) -> None:
        key, [seen], data = _key(fields[2]), SERIAL.unpack(_some(fields[3])), fields[4]

        def swap(expires: float | None, version: int) -> bytes:
            record = self._records.live(key)
            if seen != (record.txid if record else 0):
                return pack(CHANGED, record_field(record))
            self._records.put(key, data, expires, version)
            return _DONE

        self._write(client, fields, swap)

    def _write(
        self, client: Client, fields: Fields, change: Callable[[float | None, int], bytes]
    ) -> None:
        """Make a change when nobody else holds the key, and remember the answer."""
        [serial] = SERIAL.unpack(_some(fields[0]))
        timeout, thread, expires, version = WRITE.unpack(_some(fields[1]))
        key = _key(fields[2])

        def then() -> bytes:
            answer = change(None if isnan(expires) else expires, version)
            client.last = (serial, answer)
            return answer

        fresh = [] if key in client.held else [key]
        deadline = time.monotonic() + timeout
        self._queue.enter(Waiter(client, fresh, thread, deadline, then, False))

    def _recover(self, client: Client, fields: Fields) -> None:
        [number], [serial] = SERIAL.unpack(_some(fields[0])), SERIAL.unpack(_some(fields[1]))
        lost = self._clients.get(number)
        if lost is client:
            raise Garbled("a connection that asks for itself")
        if lost is not None:  # what it has sent and was not read yet will not be
            self.leave(lost)
            lost.end()
        last = self._gone.get(number)
        if last is not None and last[0] == serial:
            client.answer(last[1])
        else:
            forgotten = last is None and number <= self._forgotten
            client.answer(pack(FORGOTTEN if forgotten else MISSED))


def _some(field: Field) -> bytes:
    if field is None:
        raise ValueError("a field is missing")
    return field


def _key(field: Field) -> bytes:
    key = _some(field)
    if not 0 < len(key) <= MAX_KEY or key[:1] == UNDER:
        raise ValueError("not a key")
    return key


def _number(data: bytes, lead: bytes) -> int | None:
    """The number in a record, or None if it is of another kind or has more digits than usual."""
    digits = data[len(lead) :].removeprefix(b"-")
    if not data.startswith(lead) or not 0 < len(digits) <= _DIGITS or digits.strip(_HEX):
        return None
    return int(data[len(lead) :], 16)
