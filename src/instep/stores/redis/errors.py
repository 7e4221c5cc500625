"""What can go wrong between this process and a Redis server, and what to do about it."""

from __future__ import annotations

import os

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    InvalidResponse,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as Silent

from ...errors import StoreError
from .address import Settings
from .wire import Garbled, Lost, Refused

TROUBLE = (Refused, Lost, Garbled, RedisError, OSError)
"""What a call raises. What redis-py raises comes from connecting, so nothing was sent then."""

_MOMENTARY = (
    "LOADING",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "MASTERDOWN",
    "MOVED",
    "ASK",
    "BUSY",
    "UNBLOCKED",
)
_HINTS = (
    ("READONLY", "this server is a read-only replica ({}): name its primary, or its sentinels"),
    ("OOM", "the server's memory is full ({}): raise its maxmemory (CONFIG SET maxmemory)"),
    ("max number of clients", "{}: raise the server's maxclients, or run fewer workers"),
    ("DB index", "there is no such database ({}): the server has 16, unless it says otherwise"),
    ("cluster mode", "{}: write redis+cluster://"),
    ("NOAUTH", "the server wants a password ({}): write redis://user:password@host"),
    ("unauthenticated", "the server wants a password ({}): write redis://user:password@host"),
    ("NOPERM", "the server's ACL forbids it ({}): allow the namespace's keys and the commands"),
    (
        "SENTINEL",
        "no sentinel is there ({}): name the sentinels, whose port is 26379 as a rule, or write "
        "redis:// for a server",
    ),
    (
        "cluster support disabled",
        "the server is in no cluster ({}): write redis://, or rediss:// with TLS",
    ),
    ("unknown command", "{}: this store needs Redis 6 or Valkey, with scripts"),
)


def passes(error: Exception, settings: Settings) -> bool:
    """Whether another try may have another end."""
    if isinstance(error, Refused):
        if error.code == "READONLY" or "READONLY" in str(error):
            return settings.kind != "server"  # there is another primary by then
        return error.code in _MOMENTARY
    if isinstance(error, AuthenticationError | AuthorizationError) or _is_about_tls(error):
        return False
    return isinstance(error, Lost | Unreachable | Silent | OSError)


def given_up(error: Exception, settings: Settings, writing: bool) -> StoreError:
    """The error for a call that has failed.

    Args:
        error: how its last try ended.
        settings: what the URL says.
        writing: a try before may have written.
    """
    message = f"{settings.shown}: {_said(error, settings)}"
    if writing and not isinstance(error, Refused):
        message += ". Whether it was written before the connection was lost could not be found out"
    return StoreError(message)


def _is_about_tls(error: Exception) -> bool:
    text = str(error)
    return isinstance(error, Unreachable) and ("SSL" in text or "certificate" in text.lower())


def _said(error: Exception, settings: Settings) -> str:
    text = " ".join(str(error).split())[:200].rstrip(".")
    if isinstance(error, AuthenticationError | AuthorizationError):
        return f"the server does not let this program in ({text}): check user and password"
    for sign, hint in _HINTS:
        if sign in text:
            return hint.format(text)
    authority = (settings.tls or {}).get("ssl_ca_certs")
    if authority and not os.access(authority, os.R_OK):
        return f"the file of ?ca= cannot be read: {authority}: name the authority's certificate"
    if _is_about_tls(error):
        return f"TLS fails ({text}): check the scheme (redis or rediss), the port, and ?ca="
    if isinstance(error, Garbled | InvalidResponse):
        return f"what answers there is no Redis server ({text})"
    if isinstance(error, Refused | ResponseError):
        return f"the server refuses: {text}"
    tls = ", and whether it wants TLS (rediss://)"
    if settings.tls is not None:
        tls = ", and that this port of it is the one with TLS (redis:// is without)"
    return f"the server cannot be reached ({text}): check that it runs{tls}"
