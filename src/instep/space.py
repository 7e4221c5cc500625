"""Spaces: the one thing a user opens; a store, and the names in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from math import isfinite
from typing import Any, ParamSpec, TypeVar

from . import catalog
from .cells import Target
from .codec import Codec
from .errors import Misuse
from .objects.counter import Counter
from .objects.family import Family
from .objects.kinds import OBJECT
from .objects.lock import Lock
from .objects.mapping import Mapping
from .objects.names import Owner, encoded
from .objects.proxy import Proxy, proxy_class
from .objects.shared import SharedTarget
from .objects.value import Value
from .stores import opener
from .stores.keys import UNDER
from .transaction import Opened, current, transaction

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


class Settings:
    """Which store a space is in, and its limits; checked when they are made.

    Args:
        url: the store's URL.
        timeout: the longest wait for a hold, in seconds.
        max_record: the largest record, in bytes.

    Raises:
        Misuse: one of them cannot be right.
    """

    def __init__(self, url: str, *, timeout: float, max_record: int) -> None:
        self._open = opener(url)
        self.url = url
        self._timeout = checked_timeout(timeout)
        self._max_record = _checked_size(max_record)
        self._once: dict[str, Opened] = {}
        self.now: Opened | None = None

    def opened(self) -> Opened:
        """The store with these limits; its files are touched at its first use."""
        found = self._once.get(self.url)
        if found is None:
            # No lock, which a fork could leave locked for ever: of several threads the first wins.
            fresh = Opened(self._open(), self._timeout, self._max_record)
            found = self._once.setdefault(self.url, fresh)
        self.now = found
        return found

    def close(self) -> None:
        """Let go of the store, if it was opened."""
        for opened in list(self._once.values()):
            opened.store.close()


class Space:
    """A store and the names in it, shared by every thread, greenlet and process that opens it.

    Declaring objects touches nothing; the store is opened at first use, in each process.

    Args:
        url: `lmdb:PATH`, the embedded store in a folder (`?durability=checkpoint`, the default,
            `commit` or `none`), or `memory:`, which one process has to itself.
        timeout: the longest wait for an object that somebody else holds, in seconds.
        max_record: the largest record, in bytes.

    Raises:
        Misuse: the URL or a limit cannot be right.

    Example:
        >>> from instep import Space
        >>> class Tickets:
        ...     def __init__(self, first: int) -> None:
        ...         self.next = first
        ...     def take(self) -> int:
        ...         self.next += 1
        ...         return self.next - 1
        >>> space = Space("memory:", timeout=5)
        >>> tickets = space.share("tickets", Tickets, 1)
        >>> tickets.take(), tickets.take(), tickets.next
        (1, 2, 3)
    """

    __instep_refusal__ = "which is a space: it belongs to the process, not in a record"

    def __init__(self, url: str, *, timeout: float = 10.0, max_record: int = 1 << 20) -> None:
        self._settings = Settings(url, timeout=timeout, max_record=max_record)
        self._begin()

    def _begin(self) -> None:
        self.codec = Codec(lead=OBJECT)
        self._declared: dict[str, tuple[str, type | None]] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings.url}>"

    def opened(self) -> Opened:
        """The store behind the space, with its limits; for instep's own rooms."""
        return self._settings.now or self._settings.opened()

    def declare(self, *classes: type[Any]) -> None:
        """Name classes whose instances may lie inside the state of shared objects.

        Classes that the annotations of a shared class mention are declared with it.

        Args:
            classes: dataclasses, enums, named tuples, any class of your own.

        Raises:
            Misuse: two different classes have the same name.
        """
        self.codec.declare(*classes)

    def share(self, name: str, cls: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """An object that every worker shares: each call of a method is one atomic step.

        Args:
            name: the object's name in the space.
            cls: a plain class; what its instances store are their attributes.
            args: for the constructor, which runs once in the life of the name.
            kwargs: likewise.

        Returns:
            A proxy with the methods of `cls`. Attributes read through it are a snapshot.

        Raises:
            Misuse: the name is taken by something else, or the class has methods that cannot be
                atomic (async methods, generators).
        """

        def make(key: bytes, kind: Any) -> T:
            shape: Any = self.codec.shape(kind)
            target = SharedTarget(self, name, key, shape, partial(cls, *args, **kwargs))
            proxy: T = proxy_class(kind)(target)
            return proxy

        return self._declare(name, "share", make, cls)

    def family(
        self, name: str, cls: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Family[T]:
        """Many shared objects of one class, by key: `carts["user-42"]`.

        Args:
            name: the family's name in the space.
            cls: a plain class.
            args: for the constructor, which runs once in the life of each member.
            kwargs: likewise.

        Raises:
            Misuse: as for `share`.
        """

        def make(key: bytes, kind: Any) -> Family[T]:
            proxy_class(kind)
            shape: Any = self.codec.shape(kind)
            return Family(self, name, key + UNDER, shape, partial(cls, *args, **kwargs))

        return self._declare(name, "family", make, cls)

    def counter(self, name: str, start: int = 0) -> Counter:
        """A whole number that every worker counts on.

        Args:
            name: the counter's name in the space.
            start: what it is before the first increment.
        """
        return self._declare(name, "counter", lambda key, _: Counter(self, name, key, start))

    def value(self, name: str, default: Any = None) -> Value[Any]:
        """One value that is read and replaced as a whole.

        Args:
            name: the value's name in the space.
            default: what it is until it is set.
        """
        return self._declare(name, "value", lambda key, _: Value(self, name, key, default))

    def mapping(self, name: str) -> Mapping[Any, Any]:
        """A dictionary each of whose entries is a record of its own.

        Args:
            name: the mapping's name in the space.
        """
        return self._declare(name, "mapping", lambda key, _: Mapping(self, name, key + UNDER))

    def lock(self, name: str, timeout: float | None = None) -> Lock:
        """A lock between all workers, freed when its holder dies.

        Args:
            name: the lock's name in the space.
            timeout: the longest wait in seconds; the space's if it is not given.
        """
        wait = None if timeout is None else checked_timeout(timeout)
        return self._declare(name, "lock", lambda key, _: Lock(self, name, key, wait))

    def transaction(self, *objects: object) -> AbstractContextManager[None]:
        """Hold several objects; what a block does to them is committed together, or not at all.

        Args:
            objects: shared objects, members of families, counters, values. Held in one global
            order,
                so two such blocks cannot deadlock. Whatever else is called in the block joins it.

        Raises:
            LockTimeout: somebody else held one of them for too long.
            Misuse: something is given that cannot be held.

        Example:
            >>> from instep import Space
            >>> class Account:
            ...     def __init__(self, balance: int) -> None:
            ...         self.balance = balance
            >>> space = Space("memory:")
            >>> a, b = space.share("a", Account, 10), space.share("b", Account, 0)
            >>> with space.transaction(a, b):
            ...     a.balance -= 3
            ...     b.balance += 3
            >>> a.balance, b.balance
            (7, 3)
        """
        return self._transaction([(thing, *_target(thing)) for thing in objects])

    @contextmanager
    def _transaction(self, things: list[tuple[object, Owner, Target]]) -> Iterator[None]:
        opened = self.opened()
        for thing, space, _ in things:
            if space.opened().store is not opened.store:
                raise Misuse(f"{thing!r} is in another space: one commit cannot span two")
        with transaction(opened) as held:
            held.hold([target for _, _, target in things])
            yield

    def after_commit(self, fn: Callable[..., object], /, *args: Any, **kwargs: Any) -> None:
        """Run a side effect (mail, HTTP) when the transaction has committed; never if it does not.

        Args:
            fn: runs after the commit, in the order given; outside of a transaction at once. If it
                fails, that is logged, and undoes nothing.
            args: for `fn`.
            kwargs: likewise.
        """
        outer = current()
        if outer is None:
            fn(*args, **kwargs)
        else:
            outer.after_commit(partial(fn, *args, **kwargs))

    def names(self, prefix: str = "") -> list[str]:
        """The names in the store that begin with `prefix`, sorted; those never used are missing."""
        return catalog.names(self.opened().store, prefix)

    def describe(self, name: str) -> catalog.Description:
        """What the store keeps under a name: kind, class, version, size, state.

        Raises:
            Misuse: there is nothing under that name.
        """
        return catalog.describe(self.opened().store, self.codec, name)

    def delete(self, name: str) -> bool:
        """Delete everything under a name; whether there was anything.

        An object's constructor runs again at its next use. A family or a mapping goes entry by
        entry.
        """
        return catalog.delete(self.opened(), name)

    def close(self) -> None:
        """Let go of files and connections; the next use opens them again.

        What other threads hold is waited for.

        Raises:
            Misuse: it is called inside a transaction.
            StoreError: another thread held something for 10 s.
        """
        if current() is not None:
            raise Misuse("close() inside a transaction: end the block first")
        self._close()

    def _close(self) -> None:
        self._settings.close()

    def _declare(self, name: str, kind: str, make: Callable[[bytes, Any], R], cls: Any = None) -> R:
        """Make an object; its name is taken only when that has succeeded."""
        key = encoded(name)
        if kind in ("share", "family") and not isinstance(cls, type):
            raise Misuse(f"{name!r}: {kind}() takes a class, and {cls!r} is none")
        before = self._declared.get(name, (kind, cls))
        made = make(key, cls) if _same(before, (kind, cls)) else None
        before = self._declared.setdefault(name, (kind, cls)) if made is not None else before
        if made is None or not _same(before, (kind, cls)):
            raise Misuse(
                f"{name!r} is declared twice, as {_words(*before)} and as {_words(kind, cls)}: "
                "one name is one thing"
            )
        self._declared[name] = (kind, cls)
        return made


def _same(one: tuple[str, type | None], other: tuple[str, type | None]) -> bool:
    """Whether two declarations are the same; a class made anew by a reload is still itself."""
    (kind, cls), (kind2, cls2) = one, other
    if kind != kind2 or cls is cls2 or cls is None or cls2 is None:
        return kind == kind2
    return (cls.__module__, cls.__qualname__) == (cls2.__module__, cls2.__qualname__)


def _words(kind: str, cls: type | None) -> str:
    return kind if cls is None else f"{kind} of {cls.__module__}.{cls.__qualname__}"


def _target(thing: object) -> tuple[Owner, Target]:
    if isinstance(thing, Proxy):
        target = thing.__instep__
        return target.space, target
    if isinstance(thing, Counter | Value):
        return thing._space, thing._target
    if isinstance(thing, Mapping | Family):
        raise Misuse(
            f"{thing!r} has a record for each entry, so it cannot be held as a whole: what a "
            "block touches of it joins the transaction by itself"
        )
    raise Misuse(f"{thing!r} is not a shared object, so a transaction cannot hold it")


def checked_timeout(timeout: float) -> float:
    """A timeout in seconds, as a float.

    Raises:
        Misuse: it is negative or not a finite number.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise Misuse(f"a timeout is a number of seconds; this is {timeout!r}")
    if not isfinite(timeout) or timeout < 0:
        raise Misuse(f"a timeout is finite and not negative; this is {timeout!r}")
    return float(timeout)


def _checked_size(size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise Misuse(f"max_record is a number of bytes, at least 1; this is {size!r}")
    return size
