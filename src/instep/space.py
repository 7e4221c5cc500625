"""Spaces: the one thing a user opens; a store, and the names in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

from . import catalog
from .cells import Target
from .codec import Codec
from .declarations import Declarations, Declared, Options, hash_tag
from .errors import Misuse
from .objects.counter import Counter
from .objects.family import Family
from .objects.kinds import OBJECT
from .objects.mapping import Mapping
from .objects.names import Owner
from .objects.proxy import Proxy
from .objects.size import LEAST
from .objects.value import Value
from .resources.declaring import Resources
from .stores import engine
from .stores.base import Engine
from .timeouts import checked_timeout
from .transaction import Opened, current, transaction


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
        self.engine = engine(url)
        self._timeout = checked_timeout(timeout)
        self._max_record = _checked_size(max_record)
        self._once: dict[str, Opened] = {}
        self.now: Opened | None = None

    def opened(self) -> Opened:
        """The store with these limits; its files are touched at its first use."""
        found = self._once.get(self.engine.url)
        if found is None:
            # No lock, which a fork could leave locked for ever: of several threads the first wins.
            fresh = Opened(self.engine.open(), self._timeout, self._max_record)
            found = self._once.setdefault(self.engine.url, fresh)
        self.now = found
        return found

    def close(self) -> None:
        """Let go of the store, if it was opened."""
        for opened in self._once.copy().values():
            opened.store.close()


class Space(Declarations, Resources):
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
        self._space = self
        self._declared: dict[str, Declared] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._settings.engine.url}>"

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

    def options(self, *, group: str | None = None, volatile: bool = False) -> Options:
        """Say more about what is declared: `space.options(volatile=True).share("hits", Hits)`.

        Args:
            group: what has the same group may be in one transaction also where a store spreads its
                keys over machines (Redis Cluster). The names then begin with it, in braces.
            volatile: the program can do without it at any time, so that it may be in a store that
                forgets (memcached).

        Returns:
            Something with `share`, `family`, `counter`, `value`, `mapping` and `lock`.

        Raises:
            Misuse: the group cannot be right.
        """
        return Options(self, hash_tag(group), volatile)

    def declared(self) -> dict[str, Declared]:
        """What was declared so far, by name; for instep's own rooms."""
        return self._declared

    def engines(self) -> list[Engine]:
        """The store's engine; for instep's own rooms."""
        return [self._settings.engine]

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
        """Let go of files, connections and resources; the next use opens them again.

        What other threads hold is waited for.

        Raises:
            Misuse: it is called inside a transaction.
            StoreError: another thread held something for 10 s.
        """
        if current() is not None:
            raise Misuse("close() inside a transaction: end the block first")
        self._close()

    def _close(self) -> None:
        with ExitStack() as stack:  # one that fails does not keep the others open
            stack.callback(self._settings.close)
            stack.callback(self._close_resources)


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


def _checked_size(size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < LEAST:
        raise Misuse(f"max_record is a number of bytes, at least {LEAST}; this is {size!r}")
    return size
