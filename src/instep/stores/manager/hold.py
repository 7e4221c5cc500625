"""A hold in a manager, which lasts as long as the connection that it was asked for on."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping

from ...errors import Holder, LockTimeout, Misuse, StoreError
from .. import process
from ..base import Hold, Record
from ..holds import too_late
from ..keys import check_key, readable
from ..local import unheld
from ..record import alive
from .line import PATIENCE, Answer, Line, Lines, Lost
from .wire import (
    CHANGED,
    COMMIT,
    HOLD,
    LARGEST,
    LATE,
    RELEASE,
    SERIAL,
    WAIT,
    Field,
    holder_of,
    pack,
    record_of,
)


class ManagerHold(Hold):
    """Keys held in the server, through a connection that nobody else uses meanwhile.

    Args:
        lines: this process's connections.
        keys: what to hold to begin with; all of them or none.
        timeout: the longest wait, in seconds.
    """

    __slots__ = ("_era", "_line", "_lines", "_loaded")

    def __init__(self, lines: Lines, keys: Collection[bytes], timeout: float) -> None:
        self._lines = lines
        self._line: Line | None = None
        self._loaded: dict[bytes, Record | None] = {}
        keys = _checked(keys)
        thread = threading.get_ident()
        line, answer = lines.ask(lambda left: pack(HOLD, WAIT.pack(left, thread), *keys), timeout)
        self._era = process.era
        if answer[0] == LATE:
            lines.give_back(line)
            raise late(answer[1], timeout)
        self._line = line
        self._take(keys, answer)

    @property
    def line(self) -> Line | None:
        """The connection that it goes through, until it ends."""
        return self._line

    def record(self, key: bytes) -> Record | None:
        """The record of a held key."""
        return self._loaded[key]

    def extend(self, keys: Iterable[bytes], timeout: float) -> None:
        fresh = _checked(key for key in keys if key not in self._loaded)
        if not fresh:
            return
        line = self._mine()
        line.next_serial()  # or a broken connection would bring the answer to the last write
        frame = pack(HOLD, WAIT.pack(timeout, threading.get_ident()), *fresh)
        answer = self._lines.ask_held(line, frame, timeout + PATIENCE)
        if answer[0] == LATE:
            raise late(answer[1], timeout)
        self._take(fresh, answer)

    def load(self, key: bytes, *, updated: bool = False) -> bytes | None:
        record = alive(self._loaded[key])
        return record.data if record else None

    def commit(self, changes: Mapping[bytes, bytes | None]) -> None:
        line = self._mine()
        fields: list[Field] = []
        for key, data in changes.items():
            record = self._loaded[key]
            fields += (key, SERIAL.pack(record.txid if record else 0), data)
        try:
            code, answer = self._lines.write_held(
                line, lambda serial: checked(pack(COMMIT, serial, *fields), *changes)
            )
        except BaseException:
            self.release()
            raise
        self._let_go()
        if code == CHANGED:
            raise unheld(answer[0] or b"")

    def release(self) -> None:
        if not process.here[0]:
            process.settle()
        line = self._line
        if line is None or self._era is not process.era:  # in a child it is the parent's
            self._line = None
            return
        try:
            line.ask(pack(RELEASE))
        except Lost:  # and with the connection the hold has ended
            self._line = None
        else:
            self._let_go()

    def _let_go(self) -> None:
        line, self._line = self._line, None
        if line is not None and line.open:
            self._lines.give_back(line)

    def _mine(self) -> Line:
        if not process.here[0]:
            process.settle()
        if self._era is not process.era:
            raise Misuse(
                "a process was forked inside a transaction, and its child came to the end of it: "
                "the parent has the hold, and commits; leave the child with os._exit"
            )
        if self._line is None:
            raise Misuse("this hold has ended")
        return self._line

    def _take(self, keys: list[bytes], answer: Answer) -> None:
        for key, field in zip(keys, answer[1], strict=True):
            self._loaded[key] = record_of(field)


def _checked(keys: Iterable[bytes]) -> list[bytes]:
    found = list(keys)
    for key in found:
        check_key(key)
    return found


def checked(frame: bytes, *keys: bytes) -> bytes:
    """A request, unless it is too large to be sent.

    Raises:
        StoreError: it is.
    """
    if len(frame) > LARGEST:
        raise StoreError(
            f"{', '.join(readable(key) for key in keys)}: a write of {len(frame):,} bytes: a "
            f"manager takes up to {LARGEST:,} at once; keep less in one record or transaction"
        )
    return frame


def late(fields: list[Field], timeout: float) -> LockTimeout:
    """The error for an answer that came too late."""
    key, *rest = fields
    held = holder_of(*rest)
    holder = Holder(held.host, held.pid, held.thread, held.since)
    return too_late(key or b"", timeout, holder, held.wanted)
