"""Flask-Caching's `Cache` with single flight in `cached` and `memoize`.

Flask-Caching looks a key up, runs the function and stores the result; nothing in that tells a
backend that a value is being made. So `cached` and `memoize` are given a function of ours in the
place of the program's, which runs when there was a miss. It waits until it is alone with the key.
Then it returns what another caller has made meanwhile, or runs the program's function, and stays
alone until Flask-Caching has stored the result, or its filter has refused it.

How it stays right: everything else, keys, filters, timeouts, signals, is still decided by
Flask-Caching. What went past the cache (`unless`, `forced_update`, `is_stale`) did not miss a key,
and goes straight to the program's function. A flight that nothing has ended is ended by the next
look-up.
"""

from __future__ import annotations

import functools
import inspect
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import flask_caching
from flask_caching.utils import join_generator
from werkzeug.exceptions import HTTPException

from flask import current_app

from .backend import InstepCache

Function = Callable[..., Any]

_missed: ContextVar[str | None] = ContextVar("instep_missed", default=None)
"""The key that the caller has just looked up and not found."""
_flying: ContextVar[frozenset[str]] = ContextVar("instep_flying", default=frozenset())
"""The keys that the caller makes the values of."""
_landing: ContextVar[ExitStack | None] = ContextVar("instep_landing", default=None)
"""The flight that has made a value which is about to be stored."""
_found: ContextVar[tuple[str, Any] | None] = ContextVar("instep_found", default=None)
"""What another caller has made meanwhile: it need not be stored once more."""

_VERSION = "_memver"  # what the keys of memoize's versions end with


class Cache(flask_caching.Cache):
    """Flask-Caching's `Cache`; of many callers that miss one key at once, one runs the function.

    Everything else is as in Flask-Caching. With another backend than `InstepCache` it is just that.

    Example:
        >>> from flask import Flask
        >>> app = Flask(__name__)
        >>> app.config["CACHE_TYPE"] = "instep.integrations.flask_caching.InstepCache"
        >>> app.config["CACHE_INSTEP_URL"] = "memory:"
        >>> cache = Cache(app)
        >>> @app.get("/")
        ... @cache.cached(timeout=60)
        ... def home() -> str:
        ...     print("once, for all workers")
        ...     return "hello"
        >>> app.test_client().get("/").text, app.test_client().get("/").text
        once, for all workers
        ('hello', 'hello')
    """

    if not TYPE_CHECKING:  # the types are Flask-Caching's

        def cached(self, *args: Any, **kwargs: Any) -> Any:
            """As in Flask-Caching, which says what there is to give."""
            return self._alone(super().cached, True, args, kwargs)

        def memoize(self, *args: Any, **kwargs: Any) -> Any:
            """As in Flask-Caching, which says what there is to give."""
            return self._alone(super().memoize, False, args, kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """The value of a key, or None."""
        _land()
        value = super().get(*args, **kwargs)
        _missed.set(args[0] if value is None and args else None)
        return value

    def set(self, *args: Any, **kwargs: Any) -> bool | None:
        """Keep a value, unless it is what another caller has just stored."""
        found = _found.get()
        _found.set(None)
        try:
            if found is not None and args[:1] == found[:1] and args[1] is found[1]:
                return True
            return super().set(*args, **kwargs)
        finally:
            _land()

    def get_many(self, *args: Any, **kwargs: Any) -> list[Any]:
        """The values of keys. A version of memoize that is missing is made, the same for all."""
        values, backend = list(super().get_many(*args, **kwargs)), self.cache
        for place, (key, value) in enumerate(zip(args, values, strict=False)):
            if value is None and key.endswith(_VERSION):
                backend.add(key, secrets.token_urlsafe(6), timeout=flask_caching.VERSION_TIMEOUT)
                values[place] = backend.get(key)
        return values

    def _alone(
        self, decorator: Function, aborts: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Function:
        """A decorator of Flask-Caching's, whose misses wait for each other.

        Args:
            decorator: it.
            aborts: whether it keeps what `abort()` raises.
            args: what it is given.
            kwargs: likewise.
        """
        given = inspect.signature(decorator).bind(*args, **kwargs).arguments
        for check in ("unless", "forced_update", "response_filter"):
            if callable(given.get(check)):
                given[check] = _watched(given[check])
        nones = given.get("cache_none", False)

        def decorate(fn: Function) -> Any:
            @functools.wraps(fn)
            def missed(*args: Any, **kwargs: Any) -> Any:
                key, backend, app = _missed.get(), self.cache, current_app or self.app
                _missed.set(None)

                def make() -> Any:
                    return app.ensure_sync(fn)(*args, **kwargs)

                if key is None or key in _flying.get() or not isinstance(backend, InstepCache):
                    return make()
                return _fly(backend, key, make, nones, aborts)

            decorated = decorator(**given)(missed)
            decorated.uncached = fn
            return decorated

        return decorate


def _fly(backend: InstepCache, key: str, make: Callable[[], Any], nones: bool, aborts: bool) -> Any:
    """What another caller has made, or make it, alone with the key until it is stored."""
    with ExitStack() as stack:
        stack.enter_context(backend.flight(key))
        value = backend.get(key)
        if value is not None or (nones and backend.has(key)):
            _found.set((key, value))
            if aborts and isinstance(value, HTTPException):
                raise value
            return value
        flying = _flying.set(_flying.get() | {key})
        try:
            value = make()
            made = join_generator(value) if inspect.isgenerator(value) else value
        except HTTPException:
            if aborts:  # it will be stored
                _hand_over(stack)
            raise
        finally:
            _flying.reset(flying)
        _hand_over(stack)
        return made


def _hand_over(stack: ExitStack) -> None:
    """Let a flight go on until its value is stored."""
    _land()
    _landing.set(stack.pop_all())


def _land() -> None:
    """End the flight of the value that was stored, or that is not to be."""
    landing = _landing.get()
    _landing.set(None)
    if landing is not None:
        landing.close()


def _watched(check: Function) -> Function:
    """What can let a call go past the cache, or a result: then no key was missed, none is made."""

    @functools.wraps(check)
    def checked(*args: Any, **kwargs: Any) -> Any:
        _missed.set(None)
        kept = False
        try:
            kept = check(*args, **kwargs)
            return kept
        finally:
            _missed.set(None)
            if not kept:
                _land()

    return checked
