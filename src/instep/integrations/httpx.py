"""An httpx client per process.

How it stays right. An `httpx.Client` may be used by all threads of a process, but not by a forked
child, which would read the parent's answers from the sockets of its pool. It keeps cookies, those
of one user for the next; here they are refused unless you want them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx

from ..errors import Misuse, PoolTimeout
from ..resources import Resource
from ..resources.borrowers import Borrowers
from ..resources.declaring import Resources

Trace = Callable[[str, dict[str, Any]], object]
_TRANSPORT = {
    *("verify", "cert", "http1", "http2"),
    *("proxy", "uds", "local_address", "retries", "socket_options"),
}


class HttpxTimeout(PoolTimeout, httpx.PoolTimeout):
    """A `PoolTimeout` that is also httpx's."""

    def __init__(self, message: str, **evidence: Any) -> None:
        PoolTimeout.__init__(self, message, **evidence)
        self._request = None


class NamingTransport(httpx.HTTPTransport):
    """httpx's transport; a caller who waits in vain is told who has the connections.

    Args:
        borrowers: notes who has them.
        limit: how many there may be.
        options: for `httpx.HTTPTransport`.
    """

    def __init__(self, borrowers: Borrowers, limit: int, **options: Any) -> None:
        super().__init__(limits=httpx.Limits(max_connections=limit), **options)
        self._borrowers = borrowers
        self._limit = limit

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        key, options = id(request), request.extensions
        request.extensions = {**options, "trace": self._noting(key, options.get("trace"))}
        try:
            response = super().handle_request(request)
        except httpx.PoolTimeout as error:
            waited = options.get("timeout", {}).get("pool") or 0.0
            raise self._borrowers.late(
                HttpxTimeout, waited, self._limit, "max_connections"
            ) from error
        except BaseException:
            self._borrowers.gave(key)
            raise
        finally:
            request.extensions = options
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Noted(response.stream, self._borrowers, key)
        return response

    def _noting(self, key: int, other: Trace | None) -> Trace:
        """What httpcore tells of each step; the first one is when the request has a connection."""
        began: list[str] = []

        def trace(step: str, details: dict[str, Any]) -> None:
            if not began:
                began.append(step)
                self._borrowers.took(key)
            if other is not None:
                other(step, details)

        return trace


class _Noted(httpx.SyncByteStream):
    """An answer's body; when it is closed, its connection is free."""

    def __init__(self, stream: httpx.SyncByteStream, borrowers: Borrowers, key: int) -> None:
        self._stream = stream
        self._borrowers = borrowers
        self._key = key

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._borrowers.gave(self._key)
        self._stream.close()


def client(
    space: Resources,
    *,
    name: str = "httpx",
    cookies: bool = False,
    max_connections: int = 100,
    timeout: float | httpx.Timeout = 10.0,
    **options: Any,
) -> Resource[httpx.Client]:
    """An `httpx.Client`, made once per process, also in those that are forked.

    Args:
        space: where it is declared; its `close()` closes the client.
        name: for messages.
        cookies: keep what servers set, for all later calls, whoever they are for.
        max_connections: how many a process may have.
        timeout: the longest wait for a connection, for connecting, for each read and write, in
            seconds.
        options: more for `httpx.Client`, such as `base_url` and `headers`, or for its transport,
            such as `verify`, `http2`, `retries` and `proxy`. Proxies that the environment names are
            not used.

    Returns:
        A resource: call it for the client.

    Raises:
        Misuse: a transport or limits are given.
        PoolTimeout: by the client, when no connection is free for so long; it says who has them.

    Example:
        >>> from instep import Space
        >>> web = client(Space("memory:"), headers={"X-From": "shop"})
        >>> web().headers["X-From"]
        'shop'
        >>> web.close()
    """

    if not options.keys().isdisjoint({"transport", "mounts", "limits"}):
        raise Misuse(
            "this client has a transport of its own, which notes who has its connections, and "
            "max_connections= for its limit: for another one, declare "
            "space.resource(lambda: httpx.Client(transport=…), close=httpx.Client.close)"
        )
    below = {key: options.pop(key) for key in _TRANSPORT & options.keys()}

    def make() -> httpx.Client:
        borrowers = Borrowers(name, space.whereabouts)
        through = NamingTransport(borrowers, max_connections, **below)
        made = httpx.Client(transport=through, timeout=timeout, **options)
        if not cookies:
            made.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return made

    return space.resource(make, close=httpx.Client.close, name=name)
