"""The manager store: records in the memory of a server process, for those who want no other server.

How it stays right. The server (`instep serve`) has one thread, so each request is one step there. A
hold is the server's, belongs to a connection and ends with it, by the kernel's own doing when the
process is killed; a commit also compares the transaction ids of what was loaded. Of a write that
lost its connection the server says whether it was made. The server's memory is its own: when it
ends, all is gone, and whoever was in the middle of a write is told so.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from ..base import Change, Engine, Hold, Powers, Record, Store, T
from ..change import Add, Put
from ..keys import check_key
from ..local import unheld
from .hold import ManagerHold
from .line import Answer, Lines
from .place import Place, place
from .wire import MORE, READ, SCAN, SERIAL, pack, record_of
from .write import Write

_RACES = 3  # that a change may lose before it holds the key


class ManagerStore(Store):
    """Keeps records in a manager.

    Args:
        where: the server.
    """

    def __init__(self, where: Place) -> None:
        self.url = where.shown
        self.powers = powers(where)
        self._lines = Lines(where)

    def read(self, key: bytes) -> Record | None:
        check_key(key)
        _, fields = self._ask(pack(READ, key))
        return record_of(fields[0])

    def hold(self, keys: Collection[bytes], timeout: float, *, lease: float | None = None) -> Hold:
        return ManagerHold(self._lines, keys, timeout)

    def update(
        self,
        key: bytes,
        change: Change[T],
        timeout: float,
        *,
        expires: float | None = None,
        version: int | None = None,
    ) -> T:
        check_key(key)
        write = Write(self._lines, key, timeout, expires, version)
        told: Any = change  # what the server can do by itself
        if isinstance(told, Put | Add):
            done, result = write.put(told) if isinstance(told, Put) else write.add(told)
            if done:
                answer: T = result  # type: ignore[assignment]  # what this kind of change gives
                return answer
        return self._change(write, change)

    def scan(
        self, prefix: bytes, after: bytes | None = None, limit: int = 1000
    ) -> list[tuple[bytes, Record]]:
        page: list[tuple[bytes, Record]] = []
        while len(page) < limit:
            code, fields = self._ask(pack(SCAN, prefix, after, SERIAL.pack(limit - len(page))))
            for at in range(0, len(fields), 2):
                record = record_of(fields[at + 1])
                if record is not None:
                    page.append((fields[at] or b"", record))
            if code != MORE:
                break
            after = page[-1][0]
        return page

    def close(self) -> None:
        self._lines.close()

    def _ask(self, frame: bytes) -> Answer:
        line, answer = self._lines.ask(lambda left: frame)
        self._lines.give_back(line)
        return answer

    def _change(self, write: Write, change: Change[T]) -> T:
        """Read, change, and write if nobody else did; hold the key if they do all the time."""
        record = self.read(write.key)
        for _ in range(_RACES):
            done, result, record = write.swap(change, record)
            if done:
                return result
        with ManagerHold(self._lines, (write.key,), write.left()) as hold:
            write.line = hold.line
            done, result, _ = write.swap(change, hold.record(write.key))
        if not done:
            raise unheld(write.key)
        return result


def powers(where: Place) -> Powers:
    """What a manager can do: for machines by TCP, for one machine by a socket."""
    return Powers(several=True, durable=False, machines=where.path is None, leases=False)


def engine(url: str) -> Engine:
    """The manager's engine.

    Raises:
        Misuse: the URL is not `manager:/PATH/OF.sock` or `manager://HOST:PORT`, with `?keyfile=`.
    """
    where = place(url)
    return Engine(where.shown, powers(where), partial(ManagerStore, where))
