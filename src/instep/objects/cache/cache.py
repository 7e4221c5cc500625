"""Caches: values that are expensive to make, kept for a while, made by one caller for all.

How it stays right: see `entry`, `flight` and `tags`. A cache is no part of a transaction, because
what it keeps can be made again; but what a transaction may yet roll back must not be cached. So in
a transaction values are stored after the commit, and what is made invalid is made so at once and
after the commit once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, TypeVar, cast, overload

from ...stores.keys import FIGURES
from ...transaction import Opened, current
from ..names import Named, Owner
from .cached import Cached, Keys
from .entry import Entry
from .figures import Figures, Stats
from .flight import flight
from .making import Making, after_commit
from .shelf import Made, Shelf
from .tags import checked
from .terms import AS_DECLARED, Terms

T = TypeVar("T")
P = ParamSpec("P")

_time = time.time


class Cache(Named):
    """Values by key that are made once and kept for a while; made by `Space.cache`.

    Example:
        >>> from instep import Space
        >>> users = Space("memory:").cache("users", ttl=60)
        >>> users.get_or_create("42", lambda: {"name": "Ada"})
        {'name': 'Ada'}
        >>> users.get("42"), users.delete("42"), users.get("42", "nobody")
        ({'name': 'Ada'}, True, 'nobody')
        >>> @users.cached
        ... def load(number: int) -> str:
        ...     return f"user {number}"
        >>> load(7), load(7), users.stats().created
        ('user 7', 'user 7', 2)
    """

    def __init__(self, space: Owner, name: str, prefix: bytes, terms: Terms) -> None:
        self._space = space
        self._name = name
        self._terms = terms
        self._figures = Figures(space.codec, prefix + FIGURES)
        self._shelf = Shelf(space, name, prefix, terms, self._figures)
        self._making = Making(self._shelf, prefix, terms, self._figures)
        self._keys = Keys(space.codec, name)

    def __repr__(self) -> str:
        return f"<cache {self._name!r}>"

    def __contains__(self, key: str) -> bool:
        return self._fresh(self._space.opened(), self._shelf.key(key)) is not None

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key while it is fresh.

        Args:
            key: a text.
            default: what is returned if there is none.
        """
        opened = self._space.opened()
        found = self._fresh(opened, self._shelf.key(key))
        if found is None:
            self._figures.miss()
            return default
        self._figures.hit()
        return found.value

    def set(
        self, key: str, value: Any, *, ttl: float | None = AS_DECLARED, tags: Iterable[str] = ()
    ) -> None:
        """Keep a value, whatever there was.

        Args:
            key: a text.
            value: anything that can be stored.
            ttl: for how long it is fresh, in seconds; None for always; the cache's if not given.
            tags: texts to make it invalid by.

        Raises:
            Misuse: the value cannot be stored, the key is no text, the ttl is not positive.
        """
        opened, full = self._space.opened(), self._shelf.key(key)
        made = self._made(opened, full, value, ttl, checked(tags))
        after_commit(lambda: self._shelf.put(opened, full, made))

    def add(
        self, key: str, value: Any, *, ttl: float | None = AS_DECLARED, tags: Iterable[str] = ()
    ) -> bool:
        """Keep a value if there is none that is fresh, in one step; whether it was kept.

        In a transaction too it is kept at once, whatever becomes of the transaction.

        Args:
            key: as for `set`.
            value: likewise.
            ttl: likewise.
            tags: likewise.
        """
        opened, full = self._space.opened(), self._shelf.key(key)
        made = self._made(opened, full, value, ttl, checked(tags))

        def unless_there(_until: float, _tags: object, found: Entry | None) -> Made:
            if found is not None:
                raise _There
            return made

        try:
            self._shelf.revise(opened, full, unless_there, lambda _: made.fresh)
        except _There:
            return False
        return True

    def compute(
        self,
        key: str,
        fn: Callable[[Any], T],
        default: Any = None,
        *,
        ttl: float | None = AS_DECLARED,
    ) -> T:
        """Replace a value by what a function makes of it, in one step.

        In a transaction too it is replaced at once, whatever becomes of the transaction.

        Args:
            key: a text.
            fn: gets the value, or `default` if there is none that is fresh, and returns the new
                one. Short and pure: it may run more than once.
            default: see `fn`.
            ttl: for how long the new value is fresh, in seconds; if it is not given, for as long as
                the old one would have been, or the cache's.

        Returns:
            The new value.
        """
        opened, full = self._space.opened(), self._shelf.key(key)

        def end(found: Entry | None) -> float:
            kept = found is not None and ttl is AS_DECLARED
            return found.fresh if found and kept else self._terms.fresh(ttl)

        def computed(until: float, tags: dict[str, bytes], found: Entry | None) -> Made:
            new = fn(default if found is None else found.value)
            return self._shelf.made(full, new, until, 0.0, tags)

        made = self._shelf.revise(opened, full, computed, end)
        return cast("T", self._shelf.value(made))

    def get_or_create(
        self,
        key: str,
        create: Callable[[], T],
        *,
        ttl: float | None = AS_DECLARED,
        tags: Iterable[str] = (),
    ) -> T:
        """The value of a key, which one caller of all workers makes if there is none.

        The others wait for it. If making it raises, its caller gets the error, nothing is kept, and
        those who waited make it themselves, one at a time. If its maker is killed, another one
        makes it. If the key is set or made invalid meanwhile, what was made is returned and not
        kept.

        Args:
            key: a text.
            create: makes the value.
            ttl: as for `set`.
            tags: likewise.

        Raises:
            LockTimeout: somebody else was making it for longer than the timeout.
            Misuse: the value cannot be stored, or `create` asks for the same key.
        """
        opened, full = self._space.opened(), self._shelf.key(key)
        found = self._shelf.read(opened, full)
        now = _time()
        early = self._terms.early
        if found is not None and now < found.fresh and not (early and found.due(now, early)):
            figures = self._figures
            figures.hit()
            if figures.due(now):
                figures.add_up(opened.store, now)
            return cast("T", found.value)
        if found is not None and now >= found.fresh + self._terms.stale:
            found = None
        value = self._making.make(opened, full, found, create, ttl, checked(tags))
        if self._figures.due(now):
            self._figures.add_up(opened.store, now)
        return cast("T", value)

    def flight(self, key: str) -> AbstractContextManager[None]:
        """Be the only one of all workers that makes a value, for who looks and stores it himself.

        Args:
            key: a text.

        Raises:
            LockTimeout: somebody else was making it for longer than the timeout.
            Misuse: this very thread is making it.
        """
        opened, full = self._space.opened(), self._shelf.key(key)
        return flight(opened.store, self._making.key(full), self._making.wait(opened))

    @overload
    def cached(self, fn: Callable[P, T], /) -> Cached[P, T]: ...
    @overload
    def cached(
        self,
        fn: None = None,
        /,
        *,
        key: Callable[..., str] | None = None,
        ttl: float | None = AS_DECLARED,
        tags: Iterable[str] | Callable[..., Iterable[str]] = (),
    ) -> Callable[[Callable[P, T]], Cached[P, T]]: ...
    def cached(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        key: Callable[..., str] | None = None,
        ttl: float | None = AS_DECLARED,
        tags: Iterable[str] | Callable[..., Iterable[str]] = (),
    ) -> Any:
        """Let a function run only when the cache has no result of it for its arguments.

        Args:
            fn: the function.
            key: makes the key of the arguments. If it is not given, the key is the function's name
                and the arguments, `load(42)`, the same in every process and after a restart.
            ttl: as for `set`.
            tags: likewise; or a function of the arguments that returns them.

        Raises:
            Misuse: it is no function whose result can be kept, or another one has its name.
        """

        def decorate(fn: Callable[..., Any]) -> Cached[..., Any]:
            return Cached(self, fn, self._keys.of(fn, key), ttl, tags)

        return decorate if fn is None else decorate(fn)

    def delete(self, key: str) -> bool:
        """Delete a value; whether there was one that was fresh."""
        opened, full = self._space.opened(), self._shelf.key(key)
        return _twice(lambda: self._shelf.delete(opened, full))

    def delete_prefix(self, prefix: str) -> int:
        """Delete the values of all keys that begin with a text; how many were fresh.

        Raises:
            Misuse: the store cannot list its keys (memcached): use tags there.
        """
        opened, start = self._space.opened(), self._shelf.key(prefix)
        return _twice(lambda: self._shelf.delete_all(opened, start))

    def delete_tag(self, tag: str) -> None:
        """Make all values that have a tag invalid."""
        opened, [tag] = self._space.opened(), checked([tag])
        _twice(lambda: self._shelf.tags.delete(opened, tag))

    def clear(self) -> None:
        """Delete all values."""
        opened = self._space.opened()
        _twice(lambda: self._shelf.clear(opened))

    def stats(self) -> Stats:
        """What became of the calls so far, in all processes.

        What another process has counted in the second before its last call may be missing.
        """
        opened = self._space.opened()
        self._figures.add_up(opened.store, _time(), opened.timeout)
        return self._figures.read(opened.store)

    def _fresh(self, opened: Opened, full: bytes) -> Entry | None:
        found = self._shelf.read(opened, full)
        now = _time()
        if self._figures.due(now):
            self._figures.add_up(opened.store, now)
        return found if found is not None and now < found.fresh else None

    def _made(
        self, opened: Opened, full: bytes, value: object, ttl: float | None, tags: tuple[str, ...]
    ) -> Made:
        """An entry of a value that is there already."""
        fresh = self._terms.fresh(ttl, value if ttl is AS_DECLARED else ...)
        return self._shelf.made(full, value, fresh, 0.0, self._shelf.tagged(opened, tags, fresh))


class _There(Exception):
    """There is a value already."""


def _twice(work: Callable[[], T]) -> T:
    """Do it now, and once more when the transaction that the caller is in has committed.

    Between the two somebody may have made a value of what was there before the commit.
    """
    result = work()
    outer = current()
    if outer is not None:
        outer.after_commit(work)
    return result
