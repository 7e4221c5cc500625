"""Connections to one Redis server, each used by one call at a time.

A call takes the connection that was used last, or makes one; it gives it back when it has read the
whole answer, and closes it whenever anything else happens, since nobody knows then what the next
answer would belong to. redis-py connects and logs in; its pools and retries are not used: whether
a request may be sent again is this store's to know.
"""

from __future__ import annotations

import time
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from .address import Settings
from .scripts import Request, command
from .wire import TICK, Refused, exchange

_QUICKEST, _SLOWEST = 1.0, 5.0  # seconds that connecting may take
REPLICAS = 1000  # ms that a commit waits for its replicas
_ASKING = command(b"ASKING")

_monotonic = time.monotonic


class Node:
    """A server.

    Args:
        settings: how to get in.
        host: its host; empty for a unix socket.
        port: its port.
        primary: make sure that it is a primary.
        guard: it is a sentinel.
    """

    def __init__(
        self,
        settings: Settings,
        host: str,
        port: int,
        *,
        primary: bool = False,
        guard: bool = False,
    ) -> None:
        self.address = (host, port)
        self._settings = settings
        self._login = settings.guard if guard else settings.login
        self._primary = primary
        self._replicas = 0 if guard else settings.replicas
        self._idle: list[Any] = []
        self._open = True

    def __str__(self) -> str:
        host, port = self.address
        return f"{host}:{port}" if host else self._settings.socket

    def run(self, request: Request, until: float, again: bool, asking: bool) -> tuple[Any, int]:
        """Call a script.

        Args:
            request: the call.
            until: by when it must have answered.
            again: it may have been sent before.
            asking: the server is about to get the slot from another one.

        Returns:
            The script's answer, and how many replicas have it, if that was asked for.
        """
        wait = self._replicas if request.writes else 0
        answers = self._called(request.command(again, False), until, wait, asking)
        if type(answers[0]) is Refused and answers[0].code == "NOSCRIPT":
            answers = self._called(request.command(again, True), until, wait, asking)
        for answer in answers:
            if type(answer) is Refused:
                raise answer
        return answers[0], answers[1] if wait else 0

    def ask(self, data: bytes, until: float, count: int = 1, asking: bool = False) -> list[Any]:
        """What commands answer.

        Raises:
            Refused: one of them failed; all were answered.
            Lost: the connection is lost.
            RedisError: there could be none.
        """
        if asking:
            answers = self.answers(_ASKING + data, until, count + 1)[1:]
        else:
            answers = self.answers(data, until, count)
        for answer in answers:
            if type(answer) is Refused:
                raise answer
        return answers

    def answers(self, data: bytes, until: float, count: int) -> list[Any]:
        """What commands answer, where an error is a `Refused` in the list."""
        try:
            taken = self._idle.pop()
        except IndexError:
            taken = self._connected(until)
        try:
            answers = exchange(taken[1], data, until, count)
        except BaseException:
            taken[0].disconnect()
            raise
        if self._open:
            self._idle.append(taken)
        else:
            taken[0].disconnect()
        return answers

    def close(self, *, for_good: bool = True) -> None:
        """Close the connections that nobody uses; of those in use, each when it is given back."""
        self._open = self._open and not for_good
        while self._idle:
            try:
                link, _ = self._idle.pop()
            except IndexError:
                return
            link.disconnect()

    def _called(self, data: bytes, until: float, wait: int, asking: bool) -> list[Any]:
        if not wait and not asking:
            return self.answers(data, until, 1)
        if wait:
            data += command(b"WAIT", b"%d" % wait, b"%d" % REPLICAS)
        if asking:
            data = _ASKING + data
        return self.answers(data, until, 1 + (wait > 0) + asking)[asking:]

    def _connected(self, until: float) -> tuple[Any, Any]:
        """A new connection, logged in, and its socket."""
        link = self._made(min(max(until - _monotonic(), _QUICKEST), _SLOWEST))
        try:
            link.connect()
            sock = link._sock
            sock.settimeout(TICK)
            if self._primary:
                [role] = exchange(sock, command(b"ROLE"), until)
                if type(role) is list and role[0] != b"master":
                    raise Refused(f"READONLY {self} is no primary any more")
        except BaseException:
            link.disconnect()
            raise
        return link, sock

    def _made(self, patience: float) -> Any:
        settings = self._settings
        host, port = self.address
        options: dict[str, Any] = {
            **self._login,
            "socket_timeout": patience,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        kind: Any = Connection
        if not host:
            kind = UnixDomainSocketConnection
            return kind(path=settings.socket, **options)
        options |= {"host": host, "port": port, "socket_connect_timeout": patience}
        options |= {"socket_keepalive": True}
        if settings.tls is not None:
            kind = SSLConnection
            options |= settings.tls
        return kind(**options)
