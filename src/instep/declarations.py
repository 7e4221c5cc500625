"""Declarations: what is in a space, by name; they touch nothing, and the store is not opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

from .errors import Misuse
from .objects.cache import Cache
from .objects.cache.terms import checked_terms
from .objects.counter import Counter
from .objects.family import Family
from .objects.leader import Leader
from .objects.lock import Lock
from .objects.mapping import Mapping
from .objects.names import Owner, encoded
from .objects.once import Once
from .objects.proxy import proxy_class
from .objects.shared import SharedTarget
from .objects.value import Value
from .stores.base import Engine
from .stores.keys import UNDER
from .timeouts import checked_timeout

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")

_VOLATILE = ("lock", "leader", "cache")  # they say themselves what becomes of them
_UNLISTED = {
    "mapping": "take a family",
    "cache": "leave max_entries out, because it makes room by itself",
}


class Declared(NamedTuple):
    """What a name was declared as.

    Args:
        kind: share, family, counter, value, mapping, cache, lock, once or leader.
        cls: the class of objects and families.
        volatile: whether the program can do without it at any time.
        listed: whether its entries must be gone through.
    """

    kind: str
    cls: Any
    volatile: bool
    listed: bool = False

    def __str__(self) -> str:
        cls = self.cls
        return self.kind if cls is None else f"{self.kind} of {cls.__module__}.{cls.__qualname__}"

    def agrees(self, other: Declared) -> bool:
        """Whether both are the same; a class made anew by a reload is still itself."""
        one, two = self.cls, other.cls
        if self.kind != other.kind or one is two or one is None or two is None:
            return self.kind == other.kind
        same: bool = (one.__module__, one.__qualname__) == (two.__module__, two.__qualname__)
        return same

    def check(self, name: str, engine: Engine) -> None:
        """Raise Misuse if the engine cannot keep what this promises."""
        if engine.powers.volatile and not self.volatile and self.kind not in _VOLATILE:
            raise Misuse(
                f"{name!r} is a {self.kind}, and {engine.url} may forget any record at any time, "
                "to make room or because it restarts: take another store, or say that the "
                f"program can do without it: space.options(volatile=True).{self.kind}({name!r}, …)"
            )
        if self.listed and not engine.powers.listing:
            raise Misuse(
                f"{name!r} is a {self.kind} whose entries must be gone through, and {engine.url} "
                f"cannot list its keys: {_UNLISTED[self.kind]}, or take another store"
            )


class _Space(Owner, Protocol):
    """The space that declarations are made in."""

    def declared(self) -> dict[str, Declared]:
        """What was declared so far, by name."""

    def engines(self) -> Iterable[Engine]:
        """The stores that are known so far."""


class Declarations:
    """What a space and its `options` have in common: objects are declared on both."""

    _space: _Space
    _group = ""
    _volatile = False

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

        def make(name: str, key: bytes) -> T:
            kind: Any = cls
            shape = self._space.codec.shape(kind)
            target = SharedTarget(self._space, name, key, shape, partial(cls, *args, **kwargs))
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

        def make(name: str, key: bytes) -> Family[T]:
            kind: Any = cls
            proxy_class(kind)
            shape = self._space.codec.shape(kind)
            return Family(self._space, name, key + UNDER, shape, partial(cls, *args, **kwargs))

        return self._declare(name, "family", make, cls)

    def counter(self, name: str, start: int = 0) -> Counter:
        """A whole number that every worker counts on.

        Args:
            name: the counter's name in the space.
            start: what it is before the first increment.
        """
        return self._declare(
            name, "counter", lambda name, key: Counter(self._space, name, key, start)
        )

    def value(self, name: str, default: Any = None) -> Value[Any]:
        """One value that is read and replaced as a whole.

        Args:
            name: the value's name in the space.
            default: what it is until it is set.
        """
        return self._declare(
            name, "value", lambda name, key: Value(self._space, name, key, default)
        )

    def mapping(self, name: str) -> Mapping[Any, Any]:
        """A dictionary each of whose entries is a record of its own.

        Args:
            name: the mapping's name in the space.
        """
        return self._declare(
            name,
            "mapping",
            lambda name, key: Mapping(self._space, name, key + UNDER),
            listed=True,
        )

    def cache(
        self,
        name: str,
        *,
        ttl: float | None,
        stale: float = 0.0,
        early: float = 0.0,
        negative: float | None = None,
        max_entries: int | None = None,
        timeout: float | None = None,
    ) -> Cache:
        """Values that are expensive to make: made by one caller for all, and kept for a while.

        Args:
            name: the cache's name in the space.
            ttl: for how many seconds a value is fresh; None for always.
            stale: for how many seconds after that it is still served, while one caller makes it
                anew.
            early: how readily a value is made anew before its time, so that it never ends for many
                at once: 0 for never, 1 for the optimum of XFetch, more for sooner.
            negative: for how many seconds None is kept; 0 not to keep it; None for as long as any
                other value.
            max_entries: how many values there may be; the oldest make room.
            timeout: the longest wait for a value that somebody else makes, in seconds; the space's
                if it is not given.

        Raises:
            Misuse: one of these cannot be right, or the store cannot count its entries.
        """
        wait = None if timeout is None else checked_timeout(timeout)
        terms = checked_terms(ttl, stale, early, negative, max_entries, wait)
        return self._declare(
            name,
            "cache",
            lambda name, key: Cache(self._space, name, key + UNDER, terms),
            listed=max_entries is not None,
        )

    def lock(self, name: str, timeout: float | None = None) -> Lock:
        """A lock between all workers, freed when its holder dies.

        Args:
            name: the lock's name in the space.
            timeout: the longest wait in seconds; the space's if it is not given.
        """
        wait = None if timeout is None else checked_timeout(timeout)
        return self._declare(name, "lock", lambda name, key: Lock(self._space, name, key, wait))

    def once(self, name: str, *, timeout: float | None = None, wait: bool = True) -> Once:
        """Something that is done once per deployment: `with space.once("migrate-7") as first:`.

        Args:
            name: its name in the space; what is done under it is done for good.
            timeout: the longest wait for whoever is at it, in seconds; the space's if not given.
            wait: whether to wait until it is done; if not, a block that somebody else is at is
                skipped at once.
        """
        limit = None if timeout is None else checked_timeout(timeout)
        return self._declare(
            name, "once", lambda name, key: Once(self._space, name, key, limit, wait)
        )

    def leader(self, name: str, *, lease: float = 10.0) -> Leader:
        """One of all workers, which leads until it ends; then another one does.

        Args:
            name: its name in the space.
            lease: where only silence tells that a worker has died (Redis, PostgreSQL, memcached),
                seconds of it after which another one leads; at least 1.
        """
        seconds = checked_timeout(lease)
        if seconds < 1:
            raise Misuse(f"the lease of {name!r} is {lease!r}: it is at least 1 second")
        return self._declare(
            name, "leader", lambda name, key: Leader(self._space, name, key, seconds)
        )

    def _declare(
        self,
        name: str,
        kind: str,
        make: Callable[[str, bytes], R],
        cls: Any = None,
        *,
        listed: bool = False,
    ) -> R:
        """Make an object; its name is taken only when that has succeeded."""
        encoded(name)
        name = self._group + name
        key, declared = encoded(name), self._space.declared()
        if kind in ("share", "family") and not isinstance(cls, type):
            raise Misuse(f"{name!r}: {kind}() takes a class, and {cls!r} is none")
        this = Declared(kind, cls, self._volatile, listed)
        for engine in self._space.engines():
            this.check(name, engine)
        before = declared.get(name, this)
        made = make(name, key) if before.agrees(this) else None
        before = declared.setdefault(name, this) if made is not None else before
        if made is None or not before.agrees(this):
            raise Misuse(
                f"{name!r} is declared twice, as {before} and as {this}: one name is one thing"
            )
        declared[name] = this
        return made


class Options(Declarations):
    """A space's declarations with something said about them; made by `Space.options`."""

    def __init__(self, space: _Space, group: str, volatile: bool) -> None:
        self._space = space
        self._group = group
        self._volatile = volatile

    def __repr__(self) -> str:
        return f"<options of {self._space!r}>"


def hash_tag(group: str | None) -> str:
    """What the names of a group begin with: `{orders}`, as Redis Cluster knows it.

    Raises:
        Misuse: it is empty, or has a brace itself.
    """
    if group is None:
        return ""
    if not isinstance(group, str) or not group or "{" in group or "}" in group:
        raise Misuse(f"a group is a text that is not empty and has no braces; this is {group!r}")
    return f"{{{group}}}"
