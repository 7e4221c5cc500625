"""The door of a manager: whoever comes shows that it knows the key, and only then is let in.

Each newcomer is met in a thread of its own, for a few seconds at most, so one who says nothing
keeps nobody out; where too many stand at the door, the one who has stood there longest goes.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import answer_challenge, deliver_challenge
from typing import Any

from .wire import LARGEST, SERIAL, Channel, Field, greeted, hello

PATIENCE = 5.0  # seconds in which a newcomer has to say the next thing
_AT_ONCE = 64  # newcomers


class Door:
    """Meets those who come to a server.

    Args:
        key: what they must know.
        instance: what tells this life of the server from any other.
        come_in: is called, in another thread, with the channel, the newcomer's number and what it
            said of itself.
    """

    def __init__(
        self,
        key: bytes,
        instance: bytes,
        come_in: Callable[[Channel, int, list[Field]], None],
    ) -> None:
        self._key = key
        self._instance = instance
        self._come_in = come_in
        self._met: dict[int, socket.socket] = {}
        self._mutex = threading.Lock()
        self._number = 0

    def knock(self, sock: socket.socket) -> None:
        """Somebody has come."""
        self._number += 1
        with self._mutex:
            self._met[self._number] = sock
            if len(self._met) > _AT_ONCE:
                _hang_up(self._met[next(iter(self._met))])
        threading.Thread(target=self._meet, args=(sock, self._number), daemon=True).start()

    def close(self) -> None:
        """Send away who still stands there."""
        with self._mutex:
            for sock in self._met.values():
                _hang_up(sock)

    def _meet(self, sock: socket.socket, number: int) -> None:
        welcome = False
        try:
            sock.settimeout(PATIENCE)
            channel = Channel(sock)
            channel.send_bytes(hello(self._instance, SERIAL.pack(number)))
            fields = greeted(channel.recv_bytes())
            deliver_challenge(_connection(channel), self._key)
            answer_challenge(_connection(channel), self._key)
            channel.largest, welcome = LARGEST, True
        except Exception:
            pass  # bytes of any kind may come; whoever sent them sees the connection end
        finally:
            with self._mutex:
                del self._met[number]
        if welcome:
            self._come_in(channel, number, fields)
        else:
            sock.close()


def challenged(channel: Channel, key: bytes) -> None:
    """The newcomer's part: show the key, and be shown it.

    Raises:
        multiprocessing.AuthenticationError: it is not the same at both ends.
    """
    answer_challenge(_connection(channel), key)
    deliver_challenge(_connection(channel), key)


def _connection(channel: Channel) -> Any:
    """A channel as `multiprocessing` takes it: of a connection it needs the verbs of bytes only.

    Its own Connection reads past gevent, and its Listener lets one silent newcomer keep all others
    out.
    """
    return channel


def _hang_up(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
