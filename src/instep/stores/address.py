"""Store URLs: taken apart, and shown without their secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import Misuse

FRESH = "INSTEP_FRESH"
"""Environment variable with a folder: every embedded store is put below it, so that a program can
be run on empty stores without a change (`instep prove --fresh`)."""

_SECRET = re.compile(r"pass|secret|key|token", re.IGNORECASE)
_PATHS = ("keyfile", "passfile", "sslkey")  # where a secret is, which is none
_AUTHORITY = re.compile(r"^(?!lmdb:|memory:)([^:/]*:)(//)?(?=[^/])(.*)@", re.DOTALL)
_OPTION = re.compile(r"([?&])([^=&#]*)=([^&#]*)")


@dataclass(frozen=True, slots=True)
class Address:
    """A URL in parts.

    Args:
        scheme: what comes before the colon.
        user: its user name, or None.
        password: its password, or None; never shown.
        hosts: pairs of host and port (None if not given), in their order.
        path: what comes after the hosts, decoded; of a URL without `//`, all of it.
        options: what comes after the question mark.
        shown: the URL without its secrets, for messages, logs and representations.
    """

    scheme: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    hosts: tuple[tuple[str, int | None], ...] = ()
    path: str = ""
    options: dict[str, str] = field(default_factory=dict, repr=False)
    shown: str = ""

    def allow(self, *names: str) -> None:
        """Raise Misuse for an option that is none of these."""
        unknown = sorted(set(self.options) - set(names))
        if unknown:
            known = ", ".join(f"?{name}=" for name in names) or "none"
            raise Misuse(
                f"{self.shown}: {self.scheme}: knows no option {unknown[0]!r}; it has {known}"
            )

    def number(self, name: str, default: float, least: float = 0.0) -> float:
        """An option that is a finite number, at least `least`."""
        text = self.options.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not least <= value < 1e9:
            raise Misuse(
                f"{self.shown}: {name}={text!r} is not a number that is at least {least:g}"
            )
        return value


def shown(url: str) -> str:
    """A URL without its password and without options that may be secrets."""

    def credentials(found: re.Match[str]) -> str:
        # Up to the last @: in a password that should have been escaped there may be anything.
        scheme, slashes, text = found.groups()
        user, colon, _ = text.partition(":")
        return f"{scheme}{slashes or ''}{user if user.isalnum() else ''}{':***' if colon else ''}@"

    def option(found: re.Match[str]) -> str:
        mark, name, value = found.groups()
        secret = _SECRET.search(name) and name.lower() not in _PATHS
        return f"{mark}{name}={'***' if secret else value}"

    return _OPTION.sub(option, _AUTHORITY.sub(credentials, url))


def parse(url: str) -> Address:
    """Take a URL apart.

    Raises:
        Misuse: it is not one; the message shows no secret.
    """
    scheme, _, rest = url.partition(":")
    if not rest.startswith("//"):
        path, _, query = rest.partition("?")
        return Address(scheme, path=unquote(path), options=_options(query), shown=shown(url))
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Misuse(f"{shown(url)!r} is not a URL: {error}") from None
    if "@" in url and "@" not in parts.netloc and scheme != "manager":
        raise Misuse(
            f"{shown(url)!r}: what is before the @ has a character that ends it: write / ? # and @ "
            "in a password as %2F %3F %23 and %40"
        )
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    return Address(
        scheme,
        user=unquote(user) or None,
        password=unquote(password) or None,
        hosts=tuple(_host(host, url) for host in hosts.split(",") if host),
        path=unquote(parts.path),
        options=_options(parts.query),
        shown=shown(url),
    )


def _options(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, keep_blank_values=True))


def _host(text: str, url: str) -> tuple[str, int | None]:
    host, port = text, ""
    if text.startswith("["):  # an IPv6 address, whose colons are its own
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif ":" in text:
        host, _, port = text.rpartition(":")
    if not port:
        return unquote(host), None
    if not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
        raise Misuse(f"{shown(url)!r}: {port[:20]!r} is not a port, a number from 1 to 65,535")
    return unquote(host), int(port)
