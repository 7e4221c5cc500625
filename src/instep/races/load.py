"""Many clients at once: threads on `http.client`, connected first, then let go from one barrier.

For every request it keeps when it began and ended, what came back, and who answered.
"""

import http.client
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from instep.errors import Misuse
from instep.races import variables
from instep.races.servers import HOST

SAMPLE = 500
"""Characters of each body that are kept."""

_INTEGER = re.compile(r"-?\d+")
_MARKUP = re.compile(r"<(head|script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)

APART = 0.002
"""Seconds between two connections, so that idle processes take turns in picking them up."""

SPREAD = 0.5
"""Seconds that this may take for all connections."""

SETTLE = 0.05
"""Seconds in which idle processes pick up connections that wait."""

SERIES = 5
"""How often one request after the other is tried until two processes have answered."""


class Outcome(StrEnum):
    """What became of a request."""

    ANSWERED = "answered"
    """A number was read."""
    FAILED = "failed"
    """It never reached the server, was refused or sent elsewhere, or the answer held no number."""
    UNKNOWN = "unknown"
    """A time-out, a broken connection or a 5xx: it may have been counted, or not."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request and its answer; times are nanoseconds since all clients were let go.

    Args:
        client: which client sent it, from 0.
        start: when it was about to be sent.
        end: when the answer had been read, or was given up.
        outcome: see `Outcome`.
        status: the HTTP status, or None without an answer.
        number: the number in the answer, or None.
        pid: the process that answered, or None.
        thread: its thread or greenlet, or None.
        body: the answer's beginning, or the error when there was none.
    """

    client: int
    start: int
    end: int
    outcome: Outcome
    status: int | None = None
    number: int | None = None
    pid: int | None = None
    thread: int | None = None
    body: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """What the clients do.

    Args:
        clients: how many at once.
        requests: how many in total, spread evenly over the clients.
        path: what they ask for.
        method: the HTTP method.
        number: finds the number in a body: its first group, or the whole match. None takes the
            first integer in what a reader sees of it, without markup, head, scripts and styles.
        timeout: seconds that one request may wait for its answer.
        login: a path that is asked once, beforehand; the cookies that its answer sets go with every
            request, so that all clients are one user. None: nobody has a cookie.
        cookie: what `Cookie:` says in every request; `user.logged_in` fills it in.
        headers: more headers of every request, as (name, value).
        body: what is sent with every request.

    Raises:
        Misuse: a count below one, or a path or method that HTTP cannot carry.
    """

    clients: int = 100
    requests: int = 100
    path: str = "/"
    method: str = "GET"
    number: re.Pattern[str] | None = None
    timeout: float = 30.0
    login: str | None = None
    cookie: str = field(default="", repr=False)  # whoever has it is that user
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __post_init__(self) -> None:
        if min(self.clients, self.requests) < 1:
            raise Misuse("there must be at least 1 client and 1 request")
        for path in (self.path, "/" if self.login is None else self.login):
            if not re.fullmatch(r"/[!-~]*", path):
                raise Misuse(f"path {path!r} must begin with / and be quoted as in a URL")
        if not re.fullmatch(r"[A-Za-z]+", self.method):
            raise Misuse(f"{self.method!r} is not an HTTP method")

    def shares(self) -> list[int]:
        """How many requests each client sends; nobody is there for nothing."""
        each, rest = divmod(self.requests, self.clients)
        return [each + (client < rest) for client in range(self.clients) if each or client < rest]


def fire(
    load: Load, port: int, progress: Callable[[int], None] = lambda done: None
) -> list[Request]:
    """Send all requests and return them in the order in which they began.

    Args:
        load: who sends what.
        port: where the server listens, on the loopback address.
        progress: called now and then with the number of requests that are over.
    """
    shares = load.shares()
    gate = _Gate(len(shares))
    clients = [_Client(index, load, port, gate) for index in range(len(shares))]
    threads = [
        threading.Thread(target=client.run, args=(share,), daemon=True)
        for client, share in zip(clients, shares, strict=True)
    ]
    _connect(clients)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.05)
                progress(sum(len(client.requests) for client in clients))
    finally:
        gate.abort()  # after an interrupt nobody waits for those who will not come
    return sorted((r for c in clients for r in c.requests), key=lambda request: request.start)


def in_turn(load: Load, port: int, times: int) -> list[Request]:
    """Send one request after the other, so that nothing at all is concurrent.

    Args:
        load: what is asked for.
        port: where the server listens.
        times: how many requests make a series; another one follows, up to `SERIES`, while all
            answers have come from one process.
    """
    gate = _Gate(1)
    gate.wait()
    requests: list[Request] = []
    for _ in range(SERIES):
        requests += _series(load, port, times, gate)
        if len({request.pid for request in requests}) > 1:
            break
    return requests


def _series(load: Load, port: int, times: int, gate: "_Gate") -> list[Request]:
    """Each request has a client of its own, and all of these are connected beforehand.

    So each process picks up some before the first request can keep one of them awake.
    """
    clients = [_Client(index, load, port, gate) for index in range(times)]
    _connect(clients)
    for client in clients:
        client.requests.append(client.request())
        client.connection.close()
    return [request for client in clients for request in client.requests]


def _connect(clients: Sequence["_Client"]) -> None:
    """Connect all, a little apart: in a burst one process might take every connection."""
    for client in clients:
        client.connect()
        time.sleep(min(APART, SPREAD / len(clients)))
    time.sleep(SETTLE)


class _Gate(threading.Barrier):
    """A barrier that notes when it opened."""

    def __init__(self, parties: int) -> None:
        super().__init__(parties, action=self._note)
        self.opened = 0

    def _note(self) -> None:
        self.opened = time.monotonic_ns()


class _Client:
    """One client: a connection that is kept alive for as long as the server keeps it."""

    def __init__(self, index: int, load: Load, port: int, gate: _Gate) -> None:
        self.index = index
        self.load = load
        self.gate = gate
        self.headers = dict(load.headers) | ({"Cookie": load.cookie} if load.cookie else {})
        self.connection = http.client.HTTPConnection(HOST, port, timeout=load.timeout)
        self.requests: list[Request] = []

    def connect(self) -> None:
        """Connect now; if that fails the first request tries again, and keeps the error."""
        with suppress(OSError):
            self.connection.connect()

    def run(self, share: int) -> None:
        """Wait for the others, send."""
        try:
            self.gate.wait()
        except threading.BrokenBarrierError:
            return
        for _ in range(share):
            self.requests.append(self.request())
        self.connection.close()

    def request(self) -> Request:
        """Send one request and read its answer."""
        start = time.monotonic_ns() - self.gate.opened
        try:
            if self.connection.sock is None:
                self.connection.connect()
        except OSError as error:
            return self._over(start, Outcome.FAILED, body=f"cannot connect: {error}")
        try:
            self.connection.request(
                self.load.method, self.load.path, self.load.body or None, self.headers
            )
            response = self.connection.getresponse()
            body = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return self._over(start, Outcome.UNKNOWN, body=f"{type(error).__name__}: {error}")
        return self._answer(start, response, body)

    def _answer(self, start: int, response: http.client.HTTPResponse, body: str) -> Request:
        number = read_number(self.load.number, body) if response.status // 100 == 2 else None
        outcome = Outcome.ANSWERED if number is not None else Outcome.FAILED
        return self._over(
            start,
            Outcome.UNKNOWN if response.status >= 500 else outcome,
            status=response.status,
            number=number,
            pid=_integer(response.headers.get(variables.PID_HEADER)),
            thread=_integer(response.headers.get(variables.THREAD_HEADER)),
            body=body,
        )

    def _over(
        self,
        start: int,
        outcome: Outcome,
        *,
        status: int | None = None,
        number: int | None = None,
        pid: int | None = None,
        thread: int | None = None,
        body: str = "",
    ) -> Request:
        end = time.monotonic_ns() - self.gate.opened
        sample = body[:SAMPLE]
        return Request(self.index, start, end, outcome, status, number, pid, thread, sample)


def read_number(pattern: re.Pattern[str] | None, body: str) -> int | None:
    """The number in a body, or None; see `Load.number`."""
    match = pattern.search(body) if pattern else _INTEGER.search(_MARKUP.sub(" ", body))
    if match is None:
        return None
    return _integer(match.group(1 if match.re.groups else 0))


def _integer(text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
