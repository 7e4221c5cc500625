"""The conversation with a Redis server: commands out, answers in (RESP, version 2).

A script's answer is an array of a few short strings, and reading it is half of what a call costs
in Python, so it is read here, from the socket that redis-py has opened.
"""

from __future__ import annotations

import socket
import time
from typing import Any

TICK = 0.25  # seconds after which a read looks at the clock
_LEAST = 1.0  # seconds of silence before a server is given up
_LARGE = 1 << 16  # bytes that fit into the kernel's buffer
_FIRST, _MORE = 1 << 14, 1 << 20  # bytes that are read at a time

_monotonic = time.monotonic


class Refused(Exception):
    """The server's answer is an error; the connection is in order.

    Args:
        text: as the server said it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.partition(" ")[0]


class Lost(Exception):
    """The connection is lost, or the server is silent: what it has done nobody knows."""


class Garbled(Exception):
    """What came is no answer of Redis."""


class _Short(Exception):
    """There is more to come."""


def exchange(sock: socket.socket, data: bytes, until: float, count: int = 1) -> list[Any]:
    """Send commands and read their answers, of which an error is a `Refused` in the list.

    Args:
        sock: whose timeout is `TICK`.
        data: the commands.
        until: when to give up, by `time.monotonic`; half of it is left for another connection.
        count: how many commands they are.

    Raises:
        Lost: and nothing else that the connection could do.
    """
    try:
        if len(data) > _LARGE:
            sock.settimeout(max(until - _monotonic(), TICK))
            sock.sendall(data)
            sock.settimeout(TICK)
        else:
            sock.sendall(data)
        answers: list[Any] = []
        got, at = _received(sock, _FIRST, until), 0
        while True:
            try:
                while len(answers) < count:
                    answer, at = _parsed(got, at)
                    answers.append(answer)
                return answers
            except _Short:
                got, at = got[at:] + _received(sock, _MORE, until), 0
    except OSError as error:
        raise Lost(str(error) or type(error).__name__) from None


def _received(sock: socket.socket, size: int, until: float) -> bytes:
    limit = 0.0
    while True:
        try:
            got = sock.recv(size)
        except TimeoutError:
            now = _monotonic()
            limit = limit or min(until, now + max((until - now) / 2, _LEAST))
            if now >= limit:
                raise Lost("it does not answer") from None
            continue
        if not got:
            raise Lost("it closed the connection")
        return got


def _parsed(got: bytes, at: int) -> tuple[Any, int]:
    """The answer that begins at a place, and where it ends."""
    end = got.find(b"\r\n", at)
    if end < 0:
        if at < len(got) and got[at] not in b"$*:+-":
            raise Garbled(repr(got[at : at + 40]))
        raise _Short
    kind, line, end = got[at], got[at + 1 : end], end + 2
    if kind == 36:  # $
        size = int(line)
        if size < 0:
            return None, end
        if len(got) < end + size + 2:
            raise _Short
        return got[end : end + size], end + size + 2
    if kind == 58:  # :
        return int(line), end
    if kind == 42:  # *
        items = []
        for _ in range(int(line)):
            item, end = _parsed(got, end)
            items.append(item)
        return (None if line == b"-1" else items), end
    if kind == 45:  # -
        return Refused(line.decode(errors="replace")), end
    if kind == 43:  # +
        return line, end
    raise Garbled(repr(got[at : at + 40]))
