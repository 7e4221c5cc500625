"""A storage for `limits`, and so for Flask-Limiter: its limits hold over all workers.

Importing this module makes its URIs known: `instep://` is the store of the Flask application that
is current, `instep+lmdb:///var/lib/app/state` and the like are stores of their own. What a hit
does is in `windows`, and how it is written in `tallies`.
"""

from __future__ import annotations

import time
from typing import Any

from limits.errors import ConfigurationError
from limits.storage import MovingWindowSupport, SlidingWindowCounterSupport, Storage

from ..errors import Conflict, Misuse, StoreError
from ..space import Space
from ..stores import SCHEMES
from ..transaction import Opened
from .tallies import Tallies
from .windows import acquire, count, enter, recent, slide

OURS = "instep"
FIXED, MOVING, SLIDING = "fixed", "moving", "sliding"


class WrongStorage(Misuse, ConfigurationError):
    """A URI or an option that cannot be right."""


class InstepStorage(Storage, MovingWindowSupport, SlidingWindowCounterSupport):
    """Keeps rate limits in a space: all three strategies, each hit one atomic step.

    Args:
        uri: `instep://` for the store of the current Flask application, or `instep+` and the URL
            of a store: `instep+redis://HOST`, `instep+lmdb:///PATH`, `instep+lmdb:RELATIVE`.
        wrap_exceptions: raise `limits.errors.StorageError` in place of a StoreError or Conflict.
        space: a space to use; the URI is `instep://` then.
        key_prefix: the name in the space, under which each limit is an entry.
        timeout: the longest wait for a store that is busy, in seconds; of a space, its own.

    Raises:
        WrongStorage: the URI or an option cannot be right.

    Example:
        >>> import instep.integrations.limits
        >>> from limits import parse
        >>> from limits.storage import storage_from_string
        >>> from limits.strategies import MovingWindowRateLimiter
        >>> limiter = MovingWindowRateLimiter(storage_from_string("instep+memory:"))
        >>> [limiter.hit(parse("2/minute"), "alice") for _ in range(3)]
        [True, True, False]
    """

    STORAGE_SCHEME = [OURS, *(f"{OURS}+{scheme}" for scheme in SCHEMES)]  # noqa: RUF012

    def __init__(
        self,
        uri: str | None = None,
        wrap_exceptions: bool = False,
        *,
        space: Space | None = None,
        key_prefix: str = "limits",
        timeout: float = 10.0,
        **options: Any,
    ) -> None:
        super().__init__(uri, wrap_exceptions)
        if options:
            raise WrongStorage(
                f"instep's storage has no option {sorted(options)[0]!r}: it takes space, "
                "key_prefix, timeout and wrap_exceptions"
            )
        try:
            # As every storage of `limits` has it: `flask limiter config` shows it.
            self.storage = _place(uri or f"{OURS}://", space, timeout)
            self._tallies = Tallies(self.storage, key_prefix)
        except Misuse as error:
            raise WrongStorage(str(error)) from None

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What `wrap_exceptions` wraps."""
        return StoreError, Conflict

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count hits in a fixed window, which begins with its first; how many it has now."""
        return self._tallies.change(
            FIXED, key, expiry, lambda was, now: count(was, now, expiry, amount)
        )

    def get(self, key: str) -> int:
        """How many hits a fixed window has."""
        state = self._tallies.state(FIXED, key)
        return int(state[1]) if state is not None and state[0] > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When a fixed window ends, in seconds since the epoch; now if there is none."""
        state, now = self._tallies.state(FIXED, key), time.time()
        return now if state is None else max(now, float(state[0]))

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Enter hits into a moving window, all of them or, where there is no room, none."""
        _check(amount)
        return self._tallies.change(
            MOVING, key, expiry, lambda was, now: acquire(was, now, limit, expiry, amount)
        )

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest hit in a moving window was, and how many there are."""
        state, now = self._tallies.state(MOVING, key), time.time()
        times, amounts = recent(state, now, expiry)
        return (times[0] if times else now), sum(amounts)

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count hits in the current window, if it and its part of the last one leave room."""
        _check(amount)
        return self._tallies.change(
            SLIDING, key, 2 * expiry, lambda was, now: enter(was, now, limit, expiry, amount)
        )

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Of the last window and of the current one: the hits, and the seconds it still counts."""
        state, now = self._tallies.state(SLIDING, key), time.time()
        windows = slide(state, now, expiry)
        if not windows.previous and not windows.current:
            return 0, 0.0, 0, 0.0
        left = windows.left(now, expiry)
        return windows.previous, left, windows.current, left + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget the hits of a sliding window."""
        self._tallies.delete(SLIDING, key)

    def clear(self, key: str) -> None:
        """Forget the hits of a fixed and of a moving window."""
        self._tallies.delete(FIXED, key)
        self._tallies.delete(MOVING, key)

    def check(self) -> bool:
        """Whether the store takes a write."""
        return self._tallies.writable()

    def reset(self) -> int:
        """Forget every limit; how many there were.

        Raises:
            NotImplementedError: the store (memcached) cannot list what it has.
        """
        store = self._tallies.opened().store
        if not store.powers.listing:
            raise NotImplementedError(
                f"{store.url} cannot list its keys, so its limits end by themselves: clear(key) "
                "ends one"
            )
        return self._tallies.delete_all()


class _Current:
    """The `Instep` of the Flask application that is current; outside of one, the last that was."""

    def __init__(self) -> None:
        self._last: Space | None = None

    def __repr__(self) -> str:
        return "<the Instep of the current application>"

    def opened(self) -> Opened:
        """Its store."""
        from flask import current_app, has_app_context

        if has_app_context():
            self._last = current_app.extensions.get("instep")
            if self._last is None:
                raise Misuse(
                    f"{OURS}:// is the store of the application's Instep, and "
                    f"{current_app.name!r} has none: call Instep(app), or name a store: "
                    f"{OURS}+lmdb:///PATH"
                )
        if self._last is None:
            raise Misuse(
                f"{OURS}:// is the store of the current Flask application, and none is: do this "
                "inside `with app.app_context():`"
            )
        return self._last.opened()


def _place(uri: str, space: Space | None, timeout: float) -> Space | _Current:
    """The space that a URI and the options name."""
    if space is not None and not isinstance(space, Space):
        raise Misuse(f"the option space is an instep.Space; this is {space!r}")
    scheme, _, rest = uri.partition(":")
    if scheme != OURS:
        if space is not None:
            raise Misuse(f"a space and the URI of another store: with a space it is {OURS}://")
        return Space(_url(uri), timeout=timeout)
    if rest.strip("/"):
        raise Misuse(
            f"{OURS}:// has nothing behind it, it is the application's own store: another one is "
            f"{OURS}+lmdb:///PATH, {OURS}+redis://HOST or {OURS}+ any of instep's URLs"
        )
    return space or _Current()


def _url(uri: str) -> str:
    """The store's URL in a URI."""
    url = uri.removeprefix(f"{OURS}+")
    if url == uri:
        raise Misuse(f"a URI of instep's storage begins with {OURS}: or {OURS}+")
    return "memory:" if url == "memory://" else url


def _check(amount: int) -> None:
    if amount < 0:
        raise Misuse(f"a hit that costs {amount}: it costs 0 or more")
