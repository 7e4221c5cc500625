"""A backend for dogpile.cache: its values in a space, and its lock over all workers.

How it stays right. dogpile itself decides when a value is made anew, and asks the backend for a
mutex so that one caller does it. Ours is a hold of the store: one for all threads, processes and
machines, freed by the kernel or the server when its holder dies. dogpile may let go of it in
another thread than the one that took it, so it belongs to the mutex, not to a thread.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from dogpile.cache.api import (
    NO_VALUE,
    BackendFormatted,
    BackendSetType,
    CacheBackend,
    CachedValue,
    CacheMutex,
    KeyType,
)
from dogpile.cache.backends import register_backend

from ..errors import LockTimeout, Misuse
from ..objects.cache.flight import LEASE
from ..objects.names import encoded, utf8
from ..space import Space
from ..stores import process
from ..stores.base import Hold
from ..stores.keys import LOCK, UNDER, readable
from ..timeouts import checked_timeout

log = logging.getLogger("instep")

_SLICE = 60.0  # seconds; who waits without a bound asks again after so long


class InstepBackend(CacheBackend):
    """A dogpile.cache backend in a space; `configure("instep", arguments={…})`.

    Args:
        arguments: of `configure`. `space`, a `Space` or an `Instep`, or `url`, that of a store;
            `name`, what the cache is called there ("dogpile"); `ttl`, the seconds for which the
            store keeps a value (None: always), more than the region's `expiration_time`;
            `max_entries`, how many values there may be (None: any number); `distributed_lock`,
            whether one caller of *all* workers makes a value (True); `lock_timeout`, the longest
            wait for it in seconds (None: until it is made). dogpile lets other arguments pass;
            they are logged.

    Raises:
        Misuse: an argument cannot be right.

    Example:
        >>> from dogpile.cache import make_region
        >>> import instep.integrations.dogpile
        >>> region = make_region().configure(
        ...     "instep", expiration_time=60, arguments={"url": "memory:", "ttl": 600}
        ... )
        >>> region.get_or_create("answer", lambda: {"number": 42})
        {'number': 42}
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        rest = dict(arguments)
        self._space = _space(rest.pop("space", None), rest.pop("url", None))
        name = rest.pop("name", "dogpile")
        self._cache = self._space.cache(
            name, ttl=rest.pop("ttl", None), max_entries=rest.pop("max_entries", None)
        )
        self._locks = encoded(name) + UNDER + LOCK
        self._distributed = bool(rest.pop("distributed_lock", True))
        self._lock_timeout = _seconds(rest.pop("lock_timeout", None))
        if rest:
            log.warning(
                "instep: the dogpile backend does not know the arguments %s", sorted(map(str, rest))
            )

    def get_mutex(self, key: KeyType) -> CacheMutex | None:
        """The lock of a key, or None for one between threads."""
        if not self._distributed:
            return None
        return Mutex(self._space, self._locks + utf8(key), self._lock_timeout)

    def get(self, key: KeyType) -> BackendFormatted:
        """The value of a key, with dogpile's metadata, or `NO_VALUE`."""
        found = self._cache.get(key, NO_VALUE)
        return CachedValue(*found) if type(found) is list else found

    def get_multi(self, keys: Iterable[KeyType]) -> list[BackendFormatted]:
        """The values of some keys, in their order."""
        return [self.get(key) for key in keys]

    def set(self, key: KeyType, value: BackendSetType) -> None:
        """Keep a value.

        Raises:
            Misuse: it cannot be stored, or the key is no text.
        """
        if isinstance(value, CachedValue):
            self._cache.set(key, [value.payload, dict(value.metadata)])
        else:
            self._cache.set(key, value)  # a serializer of the region's made bytes of it

    def set_multi(self, mapping: Mapping[KeyType, BackendSetType]) -> None:
        """Keep some values, one after the other."""
        for key, value in mapping.items():
            self.set(key, value)

    def delete(self, key: KeyType) -> None:
        """Delete a value, if there is one."""
        self._cache.delete(key)

    def delete_multi(self, keys: Iterable[KeyType]) -> None:
        """Delete some values."""
        for key in keys:
            self.delete(key)


class Mutex(CacheMutex):
    """The lock of one key, among all workers.

    Args:
        space: where it is.
        key: what is held for it.
        timeout: the longest wait, in seconds; None to wait for as long as it takes.
    """

    def __init__(self, space: Space, key: bytes, timeout: float | None) -> None:
        self._space = space
        self._key = key
        self._timeout = timeout
        self._held: tuple[object, Hold] | None = None

    def __repr__(self) -> str:
        return f"<dogpile mutex of {readable(self._key)}>"

    def acquire(self, wait: bool = True) -> bool:
        """Take the lock.

        Args:
            wait: for whoever has it.

        Returns:
            Whether it was taken; always so if it waited.

        Raises:
            LockTimeout: it waited for longer than the timeout.
        """
        hold = self._await() if wait else self._at_once()
        if hold is None:
            return False
        self._held = process.era, hold
        return True

    def release(self) -> None:
        """Let go of the lock, in whatever thread.

        Raises:
            Misuse: it was not taken through this object.
        """
        held, self._held = self._held, None
        if held is None:
            raise Misuse(f"{self!r} is not held: it can be released once for each acquire")
        held[1].release()

    def locked(self) -> bool:
        """Whether anybody has it."""
        held = self._held
        if held is not None and held[0] is process.era:  # in a fork's child it is the parent's
            return True
        hold = self._at_once()
        if hold is not None:
            hold.release()
        return hold is None

    def _await(self) -> Hold:
        """The hold, however long it takes: dogpile goes on whatever it is told."""
        while True:
            try:
                return self._hold(_SLICE if self._timeout is None else self._timeout)
            except LockTimeout:
                if self._timeout is not None:
                    raise

    def _at_once(self) -> Hold | None:
        """The hold, unless somebody else has it."""
        try:
            return self._hold(0.0)
        except LockTimeout:
            return None

    def _hold(self, timeout: float) -> Hold:
        return self._space.opened().store.hold((self._key,), timeout, lease=LEASE)


def _space(space: object, url: object) -> Space:
    if space is None and isinstance(url, str):
        return Space(url)
    if isinstance(space, Space) and url is None:
        return space
    raise Misuse(
        "the dogpile backend takes one of the arguments space, an instep.Space or instep.flask."
        "Instep, and url, the URL of a store such as lmdb:PATH or redis://HOST"
    )


def _seconds(timeout: Any) -> float | None:
    return None if timeout is None else checked_timeout(timeout)


register_backend("instep", __name__, InstepBackend.__name__)  # type: ignore[no-untyped-call]
