"""What a space has for resources: declare them, and open a scope outside of requests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from ..errors import Misuse
from ..timeouts import checked_timeout
from .lifetimes import Lifetimes
from .resource import Kind, Resource
from .scope import Scope, raised

T = TypeVar("T")

_KINDS = ("process", "thread", "request")


class Resources:
    """The part of a space that declares resources."""

    _own: Lifetimes | None = None
    _blocks: ContextVar[tuple[Scope, ...]] | None = None  # the innermost last

    def resource(
        self,
        factory: Callable[[], T],
        /,
        *,
        scope: Kind = "process",
        close: Callable[[T], object] | None = None,
        check: Callable[[T], object] | None = None,
        timeout: float = 10.0,
        name: str | None = None,
    ) -> Resource[T]:
        """What must not be shared, made once per process, thread or request, at its first use.

        A forked process does not get its parent's: it makes its own.

        Args:
            factory: makes it; it may use other resources. If it fails, the next call tries again.
            scope: how long it lives. "process": until the exit. "thread": until the thread (or
                greenlet) ends. "request": until the request ends, or the block of `scope()`.
            close: closes it. What was made last is closed first.
            check: asked at each later use; if it returns False or raises, the thing is closed and
                made anew.
            timeout: the longest wait for another thread that is making it, in seconds.
            name: for messages; the factory's if it is not given.

        Returns:
            A `Resource`: call it for the value.

        Raises:
            Misuse: one of the arguments cannot be right.

        Example:
            >>> from instep import Space
            >>> space = Space("memory:")
            >>> cart = space.resource(list, scope="request", close=print)
            >>> with space.scope():
            ...     cart().append("tea")
            ...     cart().append("milk")
            ['tea', 'milk']
        """
        label = name or getattr(factory, "__qualname__", None) or repr(factory)
        for what, given in (("factory", factory), ("close", close), ("check", check)):
            if not callable(given) and (given is not None or what == "factory"):
                raise Misuse(
                    f"the resource {label!r}: {what} is to be called; this is {given!r}: give a "
                    "function, without calling it"
                )
        if _is_lazy(factory):
            raise Misuse(
                f"the resource {label!r}: its factory is async or has a yield, so a call makes "
                "nothing yet: return the thing, and say with close= what comes after"
            )
        if scope not in _KINDS:
            raise Misuse(f"the resource {label!r}: scope is one of {_KINDS}; this is {scope!r}")
        return Resource(self, factory, scope, close, check, checked_timeout(timeout), label)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """A block that stands for a request, outside of Flask: what it made is closed at its end.

        Raises:
            Exception: what a closer raised, if the block itself did not; all of them are logged.
        """
        lifetimes = self.lifetimes()
        scope = lifetimes.begin("request")
        with self._entered(scope):  # also for the closers, which may use one another's things
            try:
                yield
            except BaseException:
                lifetimes.end(scope)
                raise
            raised(lifetimes.end(scope))

    def lifetimes(self) -> Lifetimes:
        """The scopes of this process; for instep's own rooms."""
        found = self._own
        if found is None:  # of several threads the first wins
            found = self.__dict__.setdefault("_own", Lifetimes())
        return found

    def request_scope(self) -> Scope | None:
        """The scope of the request or block that is current; for instep's own rooms."""
        blocks = self._blocks
        if blocks is not None:
            for scope in reversed(blocks.get()):
                if not scope.left:
                    return scope
        return None

    def whereabouts(self) -> str:
        """The request that is current, as `GET /path`, or nothing; for instep's own rooms."""
        return ""

    def in_scope(self) -> bool:
        """Whether there is a request or a block of `scope()`; for instep's own rooms."""
        return self.request_scope() is not None

    def scope_of(self, kind: Kind) -> Callable[[], Scope]:
        """What finds the scope that is current; for instep's own rooms."""
        return {
            "process": self._process_scope,
            "thread": self._thread_scope,
            "request": self._some_request_scope,
        }[kind]

    def _process_scope(self) -> Scope:
        return self.lifetimes().process

    def _thread_scope(self) -> Scope:
        return self.lifetimes().thread()

    def _some_request_scope(self) -> Scope:
        scope = self.request_scope()
        if scope is None:
            raise Misuse(
                "a resource per request is used where there is no request: outside of one, use "
                "it inside of `with space.scope():` (in Flask also `with app.app_context():`)"
            )
        return scope

    @contextmanager
    def _entered(self, scope: Scope) -> Iterator[None]:
        blocks = self._blocks
        if blocks is None:
            fresh: ContextVar[tuple[Scope, ...]] = ContextVar("instep_scopes", default=())
            blocks = self.__dict__.setdefault("_blocks", fresh)
        blocks.set((*blocks.get(), scope))
        try:
            yield
        finally:  # not by a token: a generator may end its block after one that began later
            scope.left = True
            blocks.set(tuple(one for one in blocks.get() if not one.left))

    def _close_resources(self) -> None:
        raised(self.lifetimes().close())


def _is_lazy(function: Callable[..., object]) -> bool:
    tests = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    return any(test(function) for test in tests)
