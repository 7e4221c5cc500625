"""A change of one key in a manager: made by the server itself, or compared by it."""

from __future__ import annotations

import threading
import time
from math import nan

from ..base import Change, Record, T
from ..change import Add, Put
from ..record import alive
from .hold import checked, late
from .line import Answer, Line, Lines
from .wire import (
    ADD,
    CHANGED,
    DONE,
    LATE,
    NUMBER,
    PUT,
    SERIAL,
    SWAP,
    WRITE,
    Field,
    pack,
    record_of,
)

_RANGE = range(-(1 << 63), 1 << 63)


class Write:
    """One change of one key, as `Store.update` takes it."""

    def __init__(
        self, lines: Lines, key: bytes, timeout: float, expires: float | None, version: int | None
    ) -> None:
        self._lines = lines
        self.key = key
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._expires = expires
        self._version = version or 0
        self.line: Line | None = None  # of the hold that it goes through

    def left(self) -> float:
        """The seconds that are left to wait."""
        return max(0.0, self._deadline - time.monotonic())

    def put(self, change: Put) -> tuple[bool, None]:
        """Let the server replace the data; whether it did."""
        return self._send(PUT, change.data)[0] == DONE, None

    def add(self, change: Add) -> tuple[bool, int]:
        """Let the server add; whether it did, and the number."""
        if change.amount not in _RANGE or change.start not in _RANGE:
            return False, 0
        amount, start = NUMBER.pack(change.amount), NUMBER.pack(change.start)
        code, fields = self._send(ADD, change.lead, amount, start)
        return (True, NUMBER.unpack(fields[0] or b"")[0]) if code == DONE else (False, 0)

    def swap(self, change: Change[T], record: Record | None) -> tuple[bool, T, Record | None]:
        """Write if the record is still this one; whether it was, the result, what it is now."""
        record = alive(record)
        old = record.data if record else None
        new, result = change(old)
        if new is old and self._expires is None:
            return True, result, record
        seen = SERIAL.pack(record.txid if record else 0)
        code, fields = self._send(SWAP, seen, new)
        return code == DONE, result, record_of(fields[0]) if code == CHANGED else None

    def _send(self, code: int, *fields: Field) -> Answer:
        expires = nan if self._expires is None else self._expires
        thread = threading.get_ident()

        def frame(serial: bytes, left: float) -> bytes:
            head = WRITE.pack(left, thread, expires, self._version)
            return checked(pack(code, serial, head, self.key, *fields), self.key)

        if self.line is not None:
            return self._lines.write_held(self.line, lambda serial: frame(serial, 0.0))
        answer = self._lines.write(frame, self.left())
        if answer[0] == LATE:
            raise late(answer[1], self._timeout)
        return answer
