"""Connections to a manager: made when they are needed, kept for the next call, and asked about.

How it stays right. A connection carries one request at a time, and is thrown away when one of them
did not end as it should. A write that lost its connection is not made again before the server has
said, on a new one, that the first never came and never will; and a server that has begun anew since
(its hello tells) has nothing to say about it. A forked child closes its copies of the connections
without a word, so that a hold still ends when its process does.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from weakref import WeakSet

from ...errors import LeaseLost, StoreError
from .. import process
from .door import challenged
from .listen import prompt
from .place import Place
from .wire import (
    FORGOTTEN,
    HOLDER,
    LARGEST,
    MISSED,
    PING,
    RECOVER,
    SERIAL,
    Channel,
    Field,
    Garbled,
    greeted,
    hello,
    pack,
)

PATIENCE = (
    5.0  # seconds in which a server that is well answers, beyond a wait that it was asked for
)
_FRESH = 1.0  # seconds after which a connection is tried out before it carries a write
_PAUSE = 0.02  # seconds between two tries

Answer = tuple[int, list[Field]]


class Lost(Exception):
    """A connection broke; what it was carrying may have arrived or not."""


class Line:
    """One connection to the server, which knows this process by it.

    Args:
        channel: after the handshake.
        instance: which life of the server this is.
        number: the server's number for the connection.
    """

    __slots__ = ("__weakref__", "_channel", "_timeout", "instance", "number", "serial", "used")

    def __init__(self, channel: Channel, instance: bytes, number: bytes) -> None:
        self._channel = channel
        self._timeout = 0.0
        self.instance = instance
        self.number = number
        self.serial = 0  # of the last write
        self.used = time.monotonic()

    def ask(self, frame: bytes, timeout: float = PATIENCE) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            Lost: the connection broke, or the answer was not there in time; it is closed.
        """
        try:
            if timeout != self._timeout:
                self._channel.sock.settimeout(timeout)
                self._timeout = timeout
            answer = self._channel.ask(frame)
        except (OSError, EOFError, Garbled) as error:
            self.close()
            raise Lost(str(error)) from None
        except BaseException:  # somebody ended the call: the answer to come is nobody's
            self.close()
            raise
        self.used = time.monotonic()
        return answer

    def next_serial(self) -> bytes:
        """What tells a write from the others on this connection."""
        self.serial += 1
        return SERIAL.pack(self.serial)

    @property
    def open(self) -> bool:
        """Whether it has not been closed."""
        return self._channel.sock.fileno() >= 0

    def close(self) -> None:
        """End the connection, and what is held through it."""
        self._channel.sock.close()

    def drop(self) -> None:
        """Close the copy that a forked child has; the parent's stays as it is."""
        sock = self._channel.sock
        with suppress(OSError):
            number = sock.fileno()
            process.forget(self)  # its finalizer must not close what gets this number next
            if number >= 0:
                os.close(number)


class Lines(process.Lockless):
    """This process's connections to one server.

    Args:
        where: the server.
    """

    def __init__(self, where: Place) -> None:
        self._where = where
        self._instance = b""
        self.after_fork_in_child()
        process.watch(self)

    def after_fork_in_child(self) -> None:
        """Begin anew; the parent's connections are the parent's."""
        for line in list(getattr(self, "_all", ())):
            line.drop()
        self._all: WeakSet[Line] = WeakSet()
        self._idle: list[Line] = []

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def give_back(self, line: Line) -> None:
        """Keep a connection for the next call."""
        self._idle.append(line)

    def ask(self, frame: Callable[[float], bytes], timeout: float = 0.0) -> tuple[Line, Answer]:
        """Ask for something that may be asked twice.

        Args:
            frame: makes the request, given the seconds that are left of `timeout`.
            timeout: how long the server is to wait, in seconds.

        Returns:
            The answer, and the connection that it came by, to be given back.

        Raises:
            StoreError: there is no answer to be had.
        """
        deadline = time.monotonic() + timeout
        while True:
            line = self._take(deadline + PATIENCE)
            left = max(0.0, deadline - time.monotonic())
            try:
                return line, line.ask(frame(left), left + PATIENCE)
            except Lost as error:
                self._again(deadline + PATIENCE, error)

    def write(self, frame: Callable[[bytes, float], bytes], timeout: float) -> Answer:
        """Ask for something that must not be done twice.

        Args:
            frame: makes the request, given its serial and the seconds that are left of `timeout`.
            timeout: how long the server is to wait, in seconds.

        Raises:
            StoreError: there is no answer to be had; the message says what is known.
        """
        deadline = time.monotonic() + timeout
        while True:
            line = self._take(deadline + PATIENCE)
            if not self._works(line):
                continue
            left = max(0.0, deadline - time.monotonic())
            try:
                request = frame(line.next_serial(), left)
            except BaseException:
                self.give_back(line)
                raise
            try:
                answer = line.ask(request, left + PATIENCE)
            except Lost as error:
                found = self.recover(line, deadline + PATIENCE)
                if found is not None:
                    return found
                self._again(deadline + PATIENCE, error)
            else:
                self._idle.append(line)
                return answer

    def write_held(self, line: Line, frame: Callable[[bytes], bytes]) -> Answer:
        """Write through the connection that a hold is on; the hold ends if it breaks.

        Args:
            line: the hold's.
            frame: makes the request, given its serial.

        Raises:
            LeaseLost: as for `ask_held`.
            StoreError: likewise; or it cannot be told whether the write was made.
        """
        return self.ask_held(line, frame(line.next_serial()), PATIENCE)

    def ask_held(self, line: Line, frame: bytes, timeout: float) -> Answer:
        """Ask through the connection that a hold is on; the hold ends if it breaks.

        Args:
            line: the hold's.
            frame: the request.
            timeout: how long to wait for the answer, in seconds.

        Raises:
            LeaseLost: the connection broke, and with it the hold ended; nothing was written.
            StoreError: the server is not there, or has begun anew.
        """
        try:
            return line.ask(frame, timeout)
        except Lost as error:
            found = self.recover(line, time.monotonic() + PATIENCE)
            if found is not None:
                return found
            raise LeaseLost(
                f"{self._where.shown}: the connection broke while something was held through it "
                f"({error}), which ended the hold; nothing was written: call again"
            ) from None

    def recover(self, lost: Line, deadline: float) -> Answer | None:
        """The answer to the last write of a connection that broke, or None if it was not made.

        After None it will not be made either, even if it is still on its way.

        Raises:
            StoreError: that cannot be found out, or all was lost with the server.
        """
        self.close()
        while True:
            try:
                line = self._take(deadline)
            except StoreError as error:
                raise StoreError(
                    f"{self._where.shown}: the connection broke in the middle of a write, and "
                    f"whether it was made cannot be found out now: {error}"
                ) from None
            if line.instance != lost.instance:
                self.give_back(line)
                raise StoreError(
                    f"{self._where.shown}: the server began anew in the middle of a write: what it "
                    "had kept is gone, and the write with it; call again if it is still wanted"
                ) from None
            try:
                request = pack(RECOVER, lost.number, SERIAL.pack(lost.serial))
                answer = line.ask(request)
            except Lost as error:
                self._again(deadline, error)
                continue
            self.give_back(line)
            if answer[0] == FORGOTTEN:
                raise StoreError(
                    f"{self._where.shown}: the connection broke in the middle of a write, so long "
                    "ago that the server has forgotten whether it was made: read what is there"
                ) from None
            return None if answer[0] == MISSED else answer

    def _works(self, line: Line) -> bool:
        """Whether a connection that was idle for long is still one."""
        if time.monotonic() - line.used > _FRESH:
            try:
                line.ask(pack(PING))
            except Lost:
                self.close()
                return False
        return True

    def _again(self, deadline: float, error: Exception) -> None:
        """Before another try: the idle connections are as dead as the one that was lost."""
        self.close()
        if time.monotonic() >= deadline:
            raise StoreError(
                f"{self._where.shown}: the server did not answer ({error}): is it stopped, or the "
                "machine overloaded? What was asked for was not done"
            ) from None

    def _take(self, deadline: float) -> Line:
        """An idle connection, or a new one."""
        if not process.here[0]:
            process.settle()
        try:
            return self._idle.pop()
        except IndexError:
            pass
        return self._connect(deadline)

    def _connect(self, deadline: float) -> Line:
        key = self._where.key()
        while True:
            sock = self._where.socket()
            try:
                line = self._handshake(sock, key, deadline)
            except (ConnectionRefusedError, FileNotFoundError, socket.gaierror) as error:
                sock.close()
                raise StoreError(
                    f"{self._where.shown}: no manager is there ({error.strerror}): start it with: "
                    f"instep serve {self._where.shown}"
                ) from None
            except (AuthenticationError, Garbled) as error:
                sock.close()
                raise self._refused(error) from None
            except (OSError, EOFError, AssertionError, ValueError) as error:
                sock.close()
                if time.monotonic() >= deadline:
                    raise StoreError(
                        f"{self._where.shown}: the manager there does not answer ({error}): is it "
                        "stopped, or the machine overloaded?"
                    ) from None
                time.sleep(_PAUSE)
            except BaseException:
                sock.close()
                raise
            else:
                self._all.add(line)
                return line

    def _handshake(self, sock: socket.socket, key: bytes, deadline: float) -> Line:
        sock.settimeout(max(_PAUSE, min(PATIENCE, deadline - time.monotonic())))
        sock.connect(self._where.address())
        prompt(sock)
        channel = Channel(sock)
        me = HOLDER.pack(os.getpid(), threading.get_ident(), time.time())
        channel.send_bytes(hello(socket.gethostname().encode(), me))
        instance, number = greeted(channel.recv_bytes())
        challenged(channel, key)
        channel.largest = LARGEST
        line = Line(channel, instance or b"", number or b"")
        if self._instance not in (b"", line.instance):
            process.say(f"{self._where.shown}: the server began anew: what it had kept is gone")
        self._instance = line.instance
        return line

    def _refused(self, error: Exception) -> StoreError:
        if isinstance(error, Garbled):
            return StoreError(f"{self._where.shown}: {error}")
        return StoreError(
            f"{self._where.shown}: the key here is not the server's: give both the same key file "
            "(?keyfile=PATH) or the same INSTEP_MANAGER_KEY"
        )
