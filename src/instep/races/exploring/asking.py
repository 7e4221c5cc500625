"""Requests in a short notation, and how a WSGI application is asked in this process.

`GET /orders`, `POST /order {"item": 3}`, `POST /order item=3&count=2 -H "X-User: ann"`, or `@file`
with the request as HTTP spells it: the first line, headers, an empty line, the body.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from instep.errors import Misuse
from instep.races.exploring.plan import Answer

FIRST = re.compile(r"(?:([A-Za-z]+)\s+)?((?:https?://[^/\s]*)?/\S*)(?:\s+(.*))?$", re.S)
HEADER = re.compile(r"""(?:^|\s)-H(?:\s+(?:"([^"]*)"|'([^']*)'|(\S+))|$)""")
JSON = ("{", "[", '"')

LONG = 100_000
"""Bytes of a body that are compared as they are."""

FACTORY = "no answer"
"""What an application answers that is none, but makes one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Args:
        method: of HTTP.
        path: with its query.
        headers: names and values.
        body: as it is sent.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __str__(self) -> str:
        body = self.body.decode("utf-8", "replace")
        return " ".join([self.method, self.path, *([body] if body else [])])


def parse(text: str) -> Asked:
    """Read the notation.

    Args:
        text: such as `POST /order {"item": 3}`.

    Raises:
        Misuse: it is no request.

    Example:
        >>> print(parse("/count"))
        GET /count
    """
    if text.startswith("@"):
        return _from_file(text[1:])
    match = FIRST.match(text.strip())
    if match is None:
        raise Misuse(f'{text!r} is no request: write "METHOD /path", such as "POST /order n=1"')
    method, path, rest = match.group(1), match.group(2), match.group(3) or ""
    headers = [_header(next(filter(None, found), ""), text) for found in HEADER.findall(rest)]
    body = HEADER.sub("", rest).strip()
    if body.startswith("@"):
        return _asked(method, path, headers, _file(body[1:]))
    return _asked(method, path, headers, body.encode())


def _asked(method: str | None, path: str, headers: list[tuple[str, str]], body: bytes) -> Asked:
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        plain = body.lstrip()[:1].decode("latin-1") in JSON
        form = "application/x-www-form-urlencoded"
        headers = [("Content-Type", "application/json" if plain else form), *headers]
        if plain:
            _checked(body)
    path = re.sub(r"^https?://[^/]*", "", path)
    return Asked((method or "GET").upper(), path, tuple(headers), body)


def _checked(body: bytes) -> None:
    try:
        json.loads(body)
    except ValueError as error:
        raise Misuse(f"{body.decode()!r} begins like JSON and is none: {error}") from None


def _header(text: str, request: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise Misuse(f'{request!r}: {text!r} is no header: write -H "Name: value"')
    return name.strip(), value.strip()


def _file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Misuse(f"{name} cannot be read: {error.strerror}; name a file with a body") from None


def _from_file(name: str) -> Asked:
    head, _, body = _file(name).replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode("latin-1").strip().split("\n")
    match = FIRST.match(re.sub(r"\s+HTTP/[\d.]+$", "", first))
    if match is None:
        raise Misuse(f'{name}: {first!r} is no first line: write "METHOD /path"')
    headers = [_header(line, name) for line in lines]
    return _asked(match.group(1), match.group(2), headers, body.rstrip(b"\n"))


def environ(asked: Asked, errors: io.StringIO, cookies: str = "") -> dict[str, Any]:
    """What a WSGI server would hand over (PEP 3333)."""
    path, _, query = asked.path.partition("?")
    found: dict[str, Any] = {
        "REQUEST_METHOD": asked.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(asked.body)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(asked.body),
        "wsgi.errors": errors,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if cookies:
        found["HTTP_COOKIE"] = cookies
    for name, value in asked.headers:
        key = name.upper().replace("-", "_")
        found[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return found


def ask(application: Callable[..., Any], asked: Asked, jar: dict[str, str]) -> Answer:
    """Ask the application, here and now; what it raises is an answer too."""
    errors = io.StringIO()
    told: dict[str, Any] = {"status": "no status", "headers": []}

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        told["status"], told["headers"] = status, headers
        return written.append

    written: list[bytes] = []
    cookies = "; ".join(f"{name}={value}" for name, value in jar.items())
    try:
        result = application(environ(asked, errors, cookies), start)
        if callable(result) and not hasattr(result, "__iter__"):
            return {"what": FACTORY, "body": type(result).__name__, "headers": [], "told": ""}
        try:
            written.extend(result)
        finally:
            getattr(result, "close", lambda: None)()
    except BaseException as error:
        return raised(error)
    return {
        "what": told["status"],
        "body": _text(b"".join(written)),
        "headers": told["headers"],
        "told": _last_line(errors.getvalue()),
    }


def _text(body: bytes) -> str:
    """A body; of a very long one the beginning, and what tells it from all others."""
    if len(body) <= LONG:
        return body.decode("utf-8", "replace")
    rest = f"… {len(body)} bytes {sha256(body).hexdigest()}"
    return body[:LONG].decode("utf-8", "replace") + rest


def raised(error: BaseException) -> Answer:
    """An exception as an answer."""
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return {"what": "raised", "body": told, "headers": [], "told": ""}


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2] if "Traceback" in text else ""


def keep(jar: dict[str, str], answer: Answer) -> None:
    """Put the cookies of an answer into a jar, as a browser would."""
    for name, value in answer["headers"]:
        if name.lower() == "set-cookie":
            try:
                jar.update({key: morsel.coded_value for key, morsel in SimpleCookie(value).items()})
            except CookieError:
                sys.stderr.write(f"a cookie that cannot be read: {value}\n")
