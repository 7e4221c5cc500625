"""The backend that `CACHE_TYPE` names."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, cast

from flask_caching.backends.base import BaseCache
from werkzeug.exceptions import HTTPException

from flask import Flask

from ...errors import LockTimeout, Misuse
from ...flask.extension import configured
from ...space import Space
from .. import cachelib
from .pages import KINDS, loaded, stored

log = logging.getLogger("instep")


class InstepCache(BaseCache, cachelib.InstepCache):
    """Flask-Caching's backend on a space; its path is what `CACHE_TYPE` is set to.

    It reads `CACHE_INSTEP_URL`, the store; if that is not set, the cache is where the application's
    `Instep` has its objects, or would have them. `CACHE_KEY_PREFIX` is its name there, and
    `INSTEP_TIMEOUT` and `INSTEP_MAX_RECORD` count too.
    `CACHE_DEFAULT_TIMEOUT` and `CACHE_THRESHOLD` are what they are for Flask-Caching's own
    backends, but that there is no bound unless one is set.

    Args:
        space: a space, or the URL of a store.
        default_timeout: for entries that are given none, in seconds; 0 is for ever.
        threshold: how many entries there may be; None, or 0, for no bound.
        key_prefix: the cache's name in the space.
        ignore_delete_many_errors: as Flask-Caching has it; nothing fails to be deleted here.

    Example:
        >>> from flask import Flask
        >>> from flask_caching import Cache
        >>> app = Flask(__name__)
        >>> backend = "instep.integrations.flask_caching.InstepCache"
        >>> cache = Cache(app, config={"CACHE_TYPE": backend, "CACHE_INSTEP_URL": "memory:"})
        >>> @cache.memoize(60)
        ... def square(number: int) -> int:
        ...     print("once")
        ...     return number * number
        >>> with app.app_context():
        ...     square(7), square(7)
        once
        (49, 49)
    """

    def __init__(
        self,
        space: Space | str,
        default_timeout: int | timedelta = 300,
        threshold: int | None = None,
        key_prefix: cachelib.Prefix = None,
        ignore_delete_many_errors: bool = False,
    ) -> None:
        cachelib.InstepCache.__init__(
            self, space, default_timeout, threshold, key_prefix, ignore_delete_many_errors
        )
        self.space.declare(*KINDS)

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> InstepCache:
        """A backend as the configuration has it; Flask-Caching calls this."""
        bound = None if config.get("CACHE_INSTEP_URL") else app.extensions.get("instep")
        space = bound or _space(app, config)
        options = {"key_prefix": config["CACHE_KEY_PREFIX"], "threshold": _threshold(app, config)}
        return cls(space, *args, **{**options, **kwargs})

    def set(self, key: str, value: Any, timeout: cachelib.Timeout = None) -> bool:
        """Keep a value, whatever there was; what `abort()` raised only if it can be made again.

        Raises:
            Misuse: it cannot be stored; the message names the part.
        """
        try:
            return super().set(key, value, timeout)
        except Misuse:
            if isinstance(value, HTTPException):  # it is what the client gets in any case
                return False
            raise

    def unlink(self, *keys: str) -> list[str]:
        """Delete values; what Flask-Caching has for Redis."""
        return self.delete_many(*keys)

    @contextmanager
    def flight(self, key: str) -> Iterator[None]:
        """Be the only one of all workers that makes the value of a key, unless that takes too long.

        Who has waited for the space's timeout makes it too, as everybody does without this.
        """
        cache, opened = self.cache(), self.space.opened()
        with ExitStack() as stack:
            try:
                stack.enter_context(cache.flight(key))
            except LockTimeout:
                log.warning("instep: %r is being made for %g s: not waiting", key, opened.timeout)
            yield

    def _stored(self, value: Any) -> Any:
        return stored(value) if self.serializer is None else super()._stored(value)

    def _loaded(self, stored: Any) -> Any:
        return loaded(stored) if self.serializer is None else super()._loaded(stored)


def _threshold(app: Flask, config: dict[str, Any]) -> int | None:
    """How many entries are allowed: Flask-Caching sets 500 for who has not set any."""
    threshold = cast("int", config["CACHE_THRESHOLD"])
    return threshold if threshold != 500 or "CACHE_THRESHOLD" in app.config else None


def _space(app: Flask, config: dict[str, Any]) -> Space:
    """A space of the cache's own; by default in the store of the `Instep` that may come later."""
    url, limits = configured(app, config)
    return Space(config.get("CACHE_INSTEP_URL") or url, **limits)
