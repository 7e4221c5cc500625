"""The `SESSION_*` configuration: what is known is used, what cannot be is refused, none is ignored.

Flask's own keys (`SESSION_COOKIE_*`, `SESSION_REFRESH_EACH_REQUEST`, `PERMANENT_SESSION_LIFETIME`)
are read when they are needed, as Flask does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...errors import Misuse

LEAST, MOST = 16, 128  # bytes of randomness in an id: 128 bits cannot be guessed

_WHERE = "sessions are where the space is, INSTEP_URL: take it out of the configuration"
_FOREIGN = {
    "SESSION_TYPE": _WHERE,
    "SESSION_REDIS": _WHERE,
    "SESSION_MEMCACHED": _WHERE,
    "SESSION_CACHELIB": _WHERE,
    "SESSION_FILE_": _WHERE,
    "SESSION_MONGODB": _WHERE,
    "SESSION_SQLALCHEMY": _WHERE,
    "SESSION_DYNAMODB": _WHERE,
    "SESSION_SERIALIZATION_FORMAT": "there is one format, which keeps types and holds no code",
    "SESSION_CLEANUP_N_REQUESTS": "sessions that have ended are swept without it",
}
"""Keys of Flask-Session, or what they begin with, that have no meaning here, and why."""


class Settings(NamedTuple):
    """What is configured beside Flask's own keys.

    Args:
        name: what the sessions are under in the store.
        entropy: bytes of randomness in an id.
        permanent: whether a new session is permanent until the program says otherwise.
    """

    name: str
    entropy: int
    permanent: bool


def read(config: Mapping[str, Any]) -> Settings:
    """The settings of an application.

    Raises:
        Misuse: a value cannot be right, or a key of Flask-Session has no meaning here.
    """
    for key, reason in _FOREIGN.items():
        for given in config:
            if given.startswith(key) and config[given] is not None:
                raise Misuse(f"{given} is Flask-Session's, and is not used here: {reason}")
    if config.get("SESSION_USE_SIGNER", True) is not True:
        raise Misuse("SESSION_USE_SIGNER: cookies are always signed; take it out")
    return Settings(
        config.get("SESSION_KEY_PREFIX", "session"),
        _entropy(config.get("SESSION_ID_LENGTH", 32)),
        _permanent(config.get("SESSION_PERMANENT", False)),
    )


def _entropy(length: Any) -> int:
    if isinstance(length, bool) or not isinstance(length, int) or not LEAST <= length <= MOST:
        raise Misuse(
            f"SESSION_ID_LENGTH is a number of random bytes, {LEAST} to {MOST}; this is {length!r}"
        )
    return length


def _permanent(permanent: Any) -> bool:
    if not isinstance(permanent, bool):
        raise Misuse(f"SESSION_PERMANENT is True or False; this is {permanent!r}")
    return permanent
