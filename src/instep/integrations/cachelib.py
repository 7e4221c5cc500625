"""A cachelib cache in a space, for whatever takes one: Flask-Session, Flask-Caching, a program.

How it stays right: every call is one step of a `Cache`. So `add`, `inc` and `dec`, which cachelib's
files and its base class do as a read and a write, lose nothing between processes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import cachelib
from cachelib.serializers import BaseSerializer

from ..errors import Misuse
from ..objects.cache import Cache
from ..space import Space

Timeout = int | timedelta | None
Prefix = str | Callable[[], str] | None

NAME = "cachelib"


class InstepCache(cachelib.BaseCache):
    """A cachelib cache whose entries all workers share.

    A timeout is in seconds; 0 is for ever, None is the default. `inc` and `dec` leave the time when
    an entry ends as it is. Values are stored as in every space, without pickle, and refused if they
    cannot be. Who sets `serializer` to one of cachelib's has that turn values into bytes instead.

    Args:
        space: a space, or the URL of a store.
        default_timeout: for entries that are given none.
        threshold: how many entries there may be; the oldest make room. None, or 0, for no bound.
        key_prefix: the cache's name in the space, so that several are apart; a function is asked at
            each call.
        ignore_delete_many_errors: as cachelib has it; nothing fails to be deleted here.

    Raises:
        Misuse: one of them cannot be right, or the store cannot count its entries (memcached).

    Example:
        >>> hits = InstepCache("memory:", default_timeout=60)
        >>> hits.add("page", 1), hits.add("page", 1), hits.inc("page"), hits.dec("page", 5)
        (True, False, 2, -3)
        >>> hits.set_many({"a": (1, 2), "b": None}), hits.get_dict("a", "b", "c")
        (['a', 'b'], {'a': (1, 2), 'b': None, 'c': None})
    """

    serializer: BaseSerializer | None = None

    def __init__(
        self,
        space: Space | str,
        default_timeout: int | timedelta = 300,
        threshold: int | None = None,
        key_prefix: Prefix = None,
        ignore_delete_many_errors: bool = True,
    ) -> None:
        super().__init__(default_timeout, ignore_delete_many_errors)
        self.space = Space(space) if isinstance(space, str) else space
        self.key_prefix = key_prefix
        self._threshold = threshold or None
        self._caches: dict[str, Cache] = {}
        if not callable(key_prefix):
            self.cache()  # so that what cannot be right is told at once

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self.space!r}>"

    def cache(self) -> Cache:
        """The space's cache that the calls are made on: the one of the prefix at this moment."""
        prefix = self.key_prefix() if callable(self.key_prefix) else self.key_prefix
        name = prefix or NAME
        found = self._caches.get(name)
        if found is None:
            ttl = _seconds(self.default_timeout)
            found = self.space.cache(name, ttl=ttl, max_entries=self._threshold)
            found = self._caches.setdefault(name, found)
        return found

    def get(self, key: str) -> Any:
        """The value of a key, or None."""
        stored = self.cache().get(key)
        return None if stored is None else self._loaded(stored)

    def has(self, key: str) -> bool:
        """Whether there is a value, None too."""
        return key in self.cache()

    def set(self, key: str, value: Any, timeout: Timeout = None) -> bool:
        """Keep a value, whatever there was.

        Raises:
            Misuse: it cannot be stored; the message names the part.
        """
        self.cache().set(key, self._stored(value), ttl=self._ttl(timeout))
        return True

    def add(self, key: str, value: Any, timeout: Timeout = None) -> bool:
        """Keep a value if there is none; of several callers at once, one is told True."""
        return self.cache().add(key, self._stored(value), ttl=self._ttl(timeout))

    def delete(self, key: str) -> bool:
        """Delete a value; whether there was one."""
        return self.cache().delete(key)

    def clear(self) -> bool:
        """Delete all values of this cache, and nothing else in the space."""
        self.cache().clear()
        return True

    def inc(self, key: str, delta: int = 1) -> int:
        """Count on, from 0 if there is nothing; the new number.

        Raises:
            Misuse: there is something that is no number.
        """

        def counted(stored: Any) -> Any:
            old = None if stored is None else self._loaded(stored)
            if not isinstance(old, int | float | None):
                raise Misuse(
                    f"{key!r} has no number to add {delta} to: it is a {type(old).__name__}"
                )
            return self._stored((old or 0) + delta)

        new: int = self._loaded(self.cache().compute(key, counted))
        return new

    def dec(self, key: str, delta: int = 1) -> int:
        """Count down, as `inc` counts up."""
        return self.inc(key, -delta)

    def _ttl(self, timeout: Timeout) -> float | None:
        return _seconds(self._normalize_timeout(timeout))

    def _stored(self, value: Any) -> Any:
        """The form in which a value is kept."""
        return value if self.serializer is None else self.serializer.dumps(value)

    def _loaded(self, stored: Any) -> Any:
        """The value that was kept in a form."""
        return stored if self.serializer is None else self.serializer.loads(stored)


def _seconds(timeout: int) -> float | None:
    """A timeout of cachelib as a cache's ttl."""
    if timeout < 0:
        raise Misuse(
            f"a timeout is 0, for ever, or a number of seconds; this is {timeout}: delete(key) is "
            "what ends a value at once"
        )
    return timeout or None
