"""A resource: what a program makes once per process, thread or request, and must not share beyond.

How it stays right. A call looks the value up in the dictionary of the scope that is current. That
no value crosses a fork is seen by one byte, which the kernel wipes in a child (see `process`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar, cast

from ..errors import Misuse
from ..stores import process
from .scope import Scope

log = logging.getLogger("instep")

T = TypeVar("T")

Kind = Literal["process", "thread", "request"]

_HERE = process.here
_entered: ContextVar[tuple[ExitStack, ...]] = ContextVar("instep_entered", default=())


class Place(Protocol):
    """The space that a resource is declared in."""

    def scope_of(self, kind: Kind) -> Callable[[], Scope]:
        """What finds the scope that is current."""

    def in_scope(self) -> bool:
        """Whether there is a request, or a block of `scope()`."""

    def scope(self) -> AbstractContextManager[None]:
        """A block that stands for a request."""


class Resource(Generic[T]):
    """What a program must not share: made at first use in each process, thread or request.

    Made by `space.resource`; calling it gives the value.

    Example:
        >>> import sqlite3
        >>> from instep import Space
        >>> space = Space("memory:")
        >>> def connect() -> sqlite3.Connection:
        ...     return sqlite3.connect(":memory:")
        >>> db = space.resource(connect, scope="thread", close=sqlite3.Connection.close)
        >>> db() is db()
        True
        >>> db().execute("SELECT 6 * 7").fetchone()
        (42,)
        >>> db.close()
    """

    __instep_refusal__ = "which is a resource: it belongs to the process, not in a record"

    def __init__(
        self,
        place: Place,
        factory: Callable[[], T],
        kind: Kind,
        close: Callable[[T], object] | None,
        check: Callable[[T], object] | None,
        timeout: float,
        name: str,
    ) -> None:
        self.name = name
        self.timeout = timeout
        self.kind = kind
        self._place = place
        self._find = place.scope_of(kind)
        self._factory = factory
        self._close = close
        self._check = check
        self._fakes: list[Callable[[], T]] = []

    def __repr__(self) -> str:
        return f"<Resource {self.name!r} per {self.kind}>"

    if not TYPE_CHECKING:  # or every name would be right

        def __getattr__(self, name: str) -> Any:
            """The slip of those who had a global: `db.execute(…)` in place of `db().execute(…)`."""
            raise AttributeError(
                f"a resource has no {name!r}: call it first, as in db().{name}, because what it "
                "makes may have that"
            )

    def __call__(self) -> T:
        """The value for this process, thread or request, made now if there is none yet.

        Raises:
            LockTimeout: another thread has been making it for longer than `timeout`.
            Misuse: there is no request, it has ended, or the factory asks for what it makes.
        """
        if not _HERE[0]:
            process.settle()
        if self._fakes:  # but its block may be ending, in another thread
            for fake in self._fakes[-1:]:
                return fake()
        scope = self._find()
        try:
            value: T = scope.values[self]
        except KeyError:
            return cast(T, scope.get(self))
        if self._check is not None and not self._sound(self._check, value):
            return cast(T, scope.get(self, value))
        return value

    def __enter__(self) -> T:
        stack = ExitStack()
        with ExitStack() as begun:
            if self.kind == "request" and not self._place.in_scope():
                begun.enter_context(self._place.scope())
            value = self()
            stack = begun.pop_all()
        _entered.set((*_entered.get(), stack))
        return value

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not _entered.get():
            raise Misuse(
                f"a block of {self!r} ends in another thread or task than it began in, where its "
                "things cannot be found: end a generator that has one where it was begun"
            )
        *outer, stack = _entered.get()
        _entered.set(tuple(outer))
        stack.__exit__(kind, error, trace)

    def close(self) -> None:
        """Close the value of this process, thread or request, if there is one.

        The next use makes another. Other threads' and requests' stay. Nobody may be using it.
        """
        if not _HERE[0]:
            process.settle()
        self._find().drop(self)

    @contextmanager
    def override(self, fake: T) -> Iterator[T]:
        """Give everybody in this process something else for the length of a block, for tests.

        Args:
            fake: what calls return meanwhile; it is not closed.

        Example:
            >>> from instep import Space
            >>> clock = Space("memory:").resource(lambda: "the real one")
            >>> with clock.override("a fake"):
            ...     clock()
            'a fake'
            >>> clock()
            'the real one'
        """

        def mine() -> T:  # found again by identity: blocks of several threads may overlap
            return fake

        self._fakes.append(mine)
        try:
            yield fake
        finally:
            self._fakes.remove(mine)

    def create(self) -> T:
        """Run the factory; for instep's own rooms."""
        return self._factory()

    def shut(self, value: Any) -> None:
        """Close a value; for instep's own rooms."""
        if self._close is not None:
            self._close(value)

    def _sound(self, check: Callable[[T], object], value: T) -> bool:
        try:
            return check(value) is not False
        except Exception as error:
            log.warning("instep: the resource %r did not pass its check: %s", self.name, error)
            return False
