"""Plain WSGI programs that know their user by cookies, for the tests of `--login`."""

from collections.abc import Callable, Iterable
from http.cookies import SimpleCookie
from threading import Lock
from typing import Any

StartResponse = Callable[..., Any]


class Members:
    """Counts for who has logged in; `/login` sets three cookies and deletes one."""

    def __init__(self) -> None:
        self._logins = 0
        self._last = 0
        self._lock = Lock()

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))
        path = environ["PATH_INFO"]
        if path == "/login":
            self._logins += 1
            given = [
                ("Set-Cookie", "user=anna; Path=/; HttpOnly"),
                ("Set-Cookie", f"login={self._logins}"),
                ("Set-Cookie", "csrf=a=b; Secure"),
                ("Set-Cookie", "old=; Max-Age=0"),
            ]
            start("302 Found", [("Location", "/"), ("Content-Length", "0"), *given])
            return [b""]
        if path == "/forbidden":
            start("403 Forbidden", [("Content-Length", "0")])
            return [b""]
        names = {name: morsel.value for name, morsel in cookies.items()}
        if names != {"user": "anna", "login": "1", "csrf": "a=b"}:
            start("403 Forbidden", [("Content-Length", "0")])
            return [b""]
        with self._lock:
            self._last += 1
            body = str(self._last).encode()
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]


members = Members()
