"""Connections to memcached: each lives until something goes wrong on it, and never longer.

How it stays right. A `cas` number means something only to the server that gave it, in the life in
which it gave it: a restarted memcached counts from the beginning. So a number is used on the very
connection that it came by, which cannot outlive that server. Values are bytes both ways; pymemcache
is given nothing that would unpickle them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheError, MemcacheServerError, MemcacheUnknownError

from ...errors import StoreError
from .. import process

PATIENCE = 3.0  # seconds in which a server that is well answers

R = TypeVar("R")
Server = tuple[str, int] | str


class Lost(Exception):
    """A connection broke; what it was carrying may have arrived or not."""


class Strange(Lost):
    """What came was no answer of memcached's."""


class Item:
    """What is at a key: the value, and the number by which a `cas` on this link replaces it."""

    __slots__ = ("cas", "link", "value")

    def __init__(self, link: Link, value: bytes | None, cas: bytes | None) -> None:
        self.link = link
        self.value = value
        self.cas = cas

    def replace(self, name: bytes, value: bytes, expire: int) -> bool | None:
        """Put a value in its place, if it is still there.

        Args:
            name: its key.
            value: the new value.
            expire: seconds, 0 for never, negative for at once.

        Returns:
            Whether that was done; None if the server has forgotten what was there.
        """
        if self.cas is None:
            return self.link.add(name, value, expire)
        return self.link.cas(name, value, expire, self.cas)


class Link:
    """One connection to one server.

    Args:
        server: host and port, or the path of a socket.
    """

    __slots__ = ("_client", "dead", "server")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.dead = False
        self._client = Client(
            server,
            connect_timeout=PATIENCE,
            timeout=PATIENCE,
            no_delay=True,
            default_noreply=False,
        )

    def look(self, *names: bytes) -> list[Item]:
        """What is at some keys, looked up in this order."""
        found = self._do(lambda: self._client.gets_many(names))
        return [Item(self, *found.get(name, (None, None))) for name in names]

    def add(self, name: bytes, value: bytes, expire: int) -> bool:
        """Store a value where there is none; whether that was so."""
        return bool(self._do(lambda: self._client.add(name, value, expire)))

    def cas(self, name: bytes, value: bytes, expire: int, number: bytes) -> bool | None:
        """Store a value in the place of the one with this number."""
        done: bool | None = self._do(lambda: self._client.cas(name, value, number, expire))
        return done

    def close(self) -> None:
        """End the connection."""
        self.dead = True
        self._client.close()

    def _do(self, command: Callable[[], R]) -> R:
        if self.dead:
            raise Lost("the connection was closed")
        try:
            return command()
        except ConnectionRefusedError as error:
            self.close()
            raise self._absent(error) from None
        except MemcacheServerError as error:
            self.close()
            if b"too large" in _said(error):
                raise TooLarge from error
            if _said(error):
                raise StoreError(
                    f"memcached at {_where(self.server)} refused: {_said(error).decode()}"
                ) from None
            raise Lost("the server closed the connection") from None
        except (OSError, MemcacheError) as error:
            self.close()
            if isinstance(error, MemcacheUnknownError):
                raise Strange(_shown(error)) from None
            raise Lost(str(error)) from None
        except BaseException:  # somebody ended the call: the answer to come is nobody's
            self.close()
            raise

    def _absent(self, error: OSError) -> StoreError:
        return StoreError(
            f"no memcached is at {_where(self.server)} ({error.strerror}): start it, or mend the "
            "URL; what is kept on the other servers can be used meanwhile"
        )


class TooLarge(Exception):
    """The server takes no value of this size."""


class Links(process.Lockless):
    """This process's connections to some servers."""

    def __init__(self) -> None:
        self._idle: dict[Server, list[Link]] = {}
        process.watch(self)

    def take(self, server: Server) -> Link:
        """A connection that nobody uses."""
        if not process.here[0]:
            process.settle()
        try:
            return self._idle[server].pop()
        except (KeyError, IndexError):
            return Link(server)

    def give_back(self, link: Link) -> None:
        """Keep a connection for the next call, unless it broke."""
        if not link.dead:
            self._idle.setdefault(link.server, []).append(link)

    def ask(self, server: Server, question: Callable[[Link], R]) -> R:
        """Ask for something that may be asked twice.

        Raises:
            StoreError: there is no answer to be had.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            link = self.take(server)
            try:
                return question(link)
            except Lost as error:
                self.close()  # the others that are idle are as dead
                if time.monotonic() >= deadline:
                    raise silent(server, error) from None
            finally:
                self.give_back(link)

    def close(self) -> None:
        """Close those that nobody uses."""
        for idle in self._idle.copy().values():
            while idle:
                idle.pop().close()

    def after_fork_in_child(self) -> None:
        """Begin anew; the connections are the parent's."""
        process.forget(self._idle)
        self._idle = {}


def silent(server: Server, error: Lost) -> StoreError:
    """The error for a server that does not answer, or not as memcached does."""
    if isinstance(error, Strange):
        return StoreError(
            f"what answers at {_where(server)} is no memcached ({error}): check host and port"
        )
    return StoreError(
        f"memcached at {_where(server)} does not answer ({error}): is it stopped, or the machine "
        "overloaded?"
    )


def _where(server: Server) -> str:
    return server if isinstance(server, str) else f"{server[0]}:{server[1]}"


def _shown(error: MemcacheUnknownError) -> str:
    """The strange answer, as text."""
    said = error.args[0] if error.args else b""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _said(error: MemcacheServerError) -> bytes:
    """What the server said; nothing if it only closed the connection."""
    said = error.args[0] if error.args else b""
    return said if isinstance(said, bytes) else b""
