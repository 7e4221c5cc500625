"""A proxy on loopback that loses connections on purpose, between a client and a real server."""

import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, Self

from daemon import free_port

CHUNK = 1 << 16
Predicate = Callable[[bytes], bool]


class Fault:
    """A loss to come: at the nth request that a predicate fits, and `times` in all.

    A request is what one read of a client's socket brought: a statement, a command or a whole
    pipeline; only its first chunk where it is longer than 64 KiB.
    """

    def __init__(
        self,
        kind: Literal["request", "answer", "at once"],
        predicate: Predicate | None,
        nth: int,
        times: int,
    ) -> None:
        self.kind = kind
        self._fits = predicate or bool
        self._waits = nth - 1
        self._left = times
        self._happened = threading.Semaphore(0)

    def strikes(self, request: bytes) -> bool:
        """Whether this request is one to be hit. The proxy asks, one request at a time."""
        if self._left <= 0 or not self._fits(request):
            return False
        if self._waits > 0:
            self._waits -= 1
            return False
        self._left -= 1
        return True

    def done(self) -> None:
        """The proxy has cut the connection."""
        self._happened.release()

    def wait(self, patience: float = 30.0) -> None:
        """Wait until it has happened (once more)."""
        if not self._happened.acquire(timeout=patience):
            raise TimeoutError(f"after {patience:g} s the connection is not cut")

    @property
    def spent(self) -> bool:
        """Has it hit as often as it should?"""
        return self._left <= 0


class Link:
    """A client's connection and the server's that belongs to it, with a thread for each way.

    A cut shuts the connections down before it closes them: a forked process may have copies of the
    sockets, and a thread may be reading one. The last of the two threads to end closes them.
    """

    def __init__(self, proxy: "Proxy", client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        self.asked = False  # since the last answer
        self._mute: Fault | None = None  # set: no answer of the server passes any more
        self._client_lost = False
        self._ways = [self._requests, self._answers]
        for way in list(self._ways):
            threading.Thread(target=self._run, args=(way,), daemon=True).start()

    def cut(self) -> None:
        """Lose both connections."""
        _abort(self.client)
        _abort(self.server)

    def _cut_client(self, fault: Fault) -> None:
        """Lose the client's connection; the server does what it has got and then sees the end."""
        self._client_lost = True
        _abort(self.client)
        _finish(self.server)
        fault.done()

    def _run(self, way: Callable[[], None]) -> None:
        way()
        if self.proxy.forget(self, way, self._ways):
            self.client.close()
            self.server.close()

    def _requests(self) -> None:
        while data := _received(self.client):
            self.proxy.flowing.wait()
            fault = self.proxy.judge(self, data)
            if fault and fault.kind == "request":
                self.cut()
                fault.done()
                return
            self._mute = fault or self._mute  # before the server can answer
            if not _sent(self.server, data):
                break
            if fault and fault.kind == "at once":
                self._cut_client(fault)
        _finish(self.server)

    def _answers(self) -> None:
        while data := _received(self.server):
            self.proxy.flowing.wait()
            if self._mute:  # still read: the server must not fail at telling what it has done
                if self._mute.kind == "answer" and not self._client_lost:
                    self._cut_client(self._mute)
                continue
            self.asked = False
            if self.proxy.is_unlucky():
                self.cut()
            elif not _sent(self.client, data):
                break
        _finish(self.client)


class Proxy:
    """Forwards connections to a server, until it is told not to.

    Args:
        host: of the server, or the path of its unix socket.
        port: of the server; none for a unix socket.
    """

    def __init__(self, host: str, port: int | None = None) -> None:
        self._target: tuple[str, int] | str = host if port is None else (host, port)
        self._lock = threading.Lock()
        self._links: set[Link] = set()
        self._faults: list[Fault] = []
        self._unlucky: tuple[float, random.Random] = (0.0, random.Random(0))
        self._listener: socket.socket | None = None
        self.flowing = threading.Event()
        self.flowing.set()
        self.port = free_port()
        self.accepted = self.requests = self.round_trips = self.cuts = 0
        self.accept()

    def accept(self) -> None:
        """Take connections, as it does from the start, at the same port."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
            self._thread = threading.Thread(target=self._serve, args=(self._listener,), daemon=True)
            self._thread.start()

    def refuse(self) -> None:
        """Take no new connections; those that there are stay."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._listener.close()
            self._listener = None

    def cut(self) -> int:
        """Lose all connections that there are, now; return how many."""
        with self._lock:
            links = list(self._links)
            self.cuts += len(links)
        for link in links:
            link.cut()
        return len(links)

    def cut_randomly(self, probability: float, seed: int) -> None:
        """Lose a connection with this probability at each chunk, either way; 0 ends it."""
        with self._lock:
            self._unlucky = (probability, random.Random(seed))

    def lose_request(
        self, predicate: Predicate | None = None, *, nth: int = 1, times: int = 1
    ) -> Fault:
        """Lose the connection at a request that the server never sees."""
        return self._plan(Fault("request", predicate, nth, times))

    def swallow_answer(
        self, predicate: Predicate | None = None, *, nth: int = 1, times: int = 1
    ) -> Fault:
        """Let a request pass, and lose the client's connection when the server answers it."""
        return self._plan(Fault("answer", predicate, nth, times))

    def cut_after_request(
        self, nth: int = 1, predicate: Predicate | None = None, *, times: int = 1
    ) -> Fault:
        """Let a request pass, and lose the client's connection while the server is at it."""
        return self._plan(Fault("at once", predicate, nth, times))

    def freeze(self) -> None:
        """Forward nothing any more; connections stay as they are."""
        self.flowing.clear()

    def thaw(self) -> None:
        """Forward what was held back, and go on."""
        self.flowing.set()

    @property
    def connections(self) -> int:
        """How many there are now."""
        with self._lock:
            return len(self._links)

    def close(self) -> None:
        """Take no more connections and lose those that there are."""
        self.refuse()
        self.thaw()
        self.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        self.close()

    def judge(self, link: Link, request: bytes) -> Fault | None:
        """Count a request of a link, and tell what is to happen at it."""
        with self._lock:
            self.requests += 1
            self.round_trips += not link.asked
            link.asked = True
            found = next((fault for fault in self._faults if fault.strikes(request)), None)
            self._faults = [fault for fault in self._faults if not fault.spent]
            self.cuts += found is not None
        return found or (Fault("request", None, 1, 1) if self.is_unlucky() else None)

    def is_unlucky(self) -> bool:
        """Throw the dice of `cut_randomly`."""
        with self._lock:
            probability, dice = self._unlucky
            unlucky = probability > 0 and dice.random() < probability
            self.cuts += unlucky
            return unlucky

    def forget(self, link: Link, way: Callable[[], None], ways: list[Callable[[], None]]) -> bool:
        """One way of a link has ended; was it the last?"""
        with self._lock:
            ways.remove(way)
            if not ways:
                self._links.discard(link)
            return not ways

    def _plan(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = _connected(self._target)
            if server is None:
                _abort(client)
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.accepted += 1
                self._links.add(Link(self, client, server))


def _connected(target: tuple[str, int] | str) -> socket.socket | None:
    server = socket.socket(socket.AF_UNIX if isinstance(target, str) else socket.AF_INET)
    try:
        server.connect(target)
        if not isinstance(target, str):
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        server.close()
        return None
    return server


def _received(connection: socket.socket) -> bytes:
    with suppress(OSError):
        return connection.recv(CHUNK)
    return b""


def _sent(connection: socket.socket, data: bytes) -> bool:
    with suppress(OSError):
        connection.sendall(data)
        return True
    return False


def _finish(connection: socket.socket) -> None:
    """Tell the other side that no more comes; what was sent before arrives."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def _abort(connection: socket.socket) -> None:
    """End both ways now; what was sent and not yet read may be lost."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
