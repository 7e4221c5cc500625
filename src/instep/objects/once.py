"""Once: a block that one worker of all runs to its end, and nobody ever after.

How it stays right. Whoever comes first holds the record's key while it works, and the hold's own
commit writes that it is done: so nobody finds it done before it is, and a worker that dies or fails
in the middle leaves nothing behind but its turn. Where a hold is a lease, a worker that was paused
beyond it is refused at that commit: the one who took over writes it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import NamedTuple, ParamSpec

from ..cells import refuse_lazy
from ..errors import LockTimeout, Misuse, StoreError
from ..stores import process
from ..stores.base import Hold, Store
from ..transaction import current
from .kinds import ONCE, expect
from .names import Named, Owner

P = ParamSpec("P")


class Done(NamedTuple):
    """What is kept of a block that was run once.

    Args:
        at: when it ended.
        host: the machine's name.
        pid: the process id on that machine.
        took: how long it took, in seconds.
    """

    at: datetime
    host: str
    pid: int
    took: float


class _Turn(NamedTuple):
    """A block that is being run."""

    hold: Hold
    mark: tuple[object, Store, bytes, int]
    began: float


_running: set[tuple[object, Store, bytes, int]] = set()  # process, store, key, thread


class Once(Named):
    """Something that is done once per deployment, by whichever worker comes first.

    Made by `Space.once`, used by `with`: the block gets whether it is the one that has to do it.
    The others wait until it is done; if it raises or its process dies, the next one has to.

    Example:
        >>> from instep import Space
        >>> space = Space("memory:")
        >>> for worker in range(3):
        ...     with space.once("migrate-2026-11") as first:
        ...         if first:
        ...             print("migrating, worker", worker)
        migrating, worker 0
        >>> space.once("migrate-2026-11").done.took < 60
        True
    """

    def __init__(
        self, space: Owner, name: str, key: bytes, timeout: float | None, wait: bool
    ) -> None:
        self._space = space
        self._name = name
        self._key = key
        self._timeout = timeout
        self._wait = wait
        self._turns: dict[int, list[_Turn | None]] = {}  # by thread: of its blocks, innermost last
        self._era = process.era

    def __repr__(self) -> str:
        return f"<once {self._name!r}>"

    @property
    def done(self) -> Done | None:
        """When and by whom it was done; None if it was not, or not yet."""
        record = self._space.opened().store.read(self._key)
        return None if record is None else self._read(record.data)

    def run(self, fn: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Call a function if this is the worker that has to.

        Args:
            fn: does it.
            args: for `fn`.
            kwargs: likewise.

        Returns:
            Whether it was called; False if it was done before, or with `wait=False` is being done.

        Raises:
            LockTimeout: as for `with`; what `fn` raises comes through, and then it is not done.
            Misuse: `fn` is async, or a generator: nothing in it was run, so it is not done.

        Example:
            >>> from instep import Space
            >>> once = Space("memory:").once("greet")
            >>> once.run(print, "hello"), once.run(print, "hello")
            hello
            (True, False)
        """
        with self as first:
            if first:
                refuse_lazy(self._key, fn(*args, **kwargs))
        return first

    def __enter__(self) -> bool:
        """Wait until it is done, or until it is this worker's turn to do it.

        Returns:
            Whether this worker has to do it.

        Raises:
            LockTimeout: somebody else was at it for longer than the timeout; the error says who.
            Misuse: this very thread is at it already, or is inside of a transaction.
        """
        if self._era is not process.era:  # a fork's child: the turns are the parent's
            self._era, self._turns = process.era, {}
        turn = self._take()
        self._turns.setdefault(threading.get_ident(), []).append(turn)
        return turn is not None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write that it is done, unless the block raised.

        Raises:
            LeaseLost: this process was paused for too long, and the next one was told to do it.
        """
        turns = self._turns.pop(threading.get_ident(), [None])
        turn = turns.pop()
        if turns:
            self._turns[threading.get_ident()] = turns
        if turn is None:
            return
        _running.discard(turn.mark)
        if kind is None:
            turn.hold.commit({self._key: self._write(turn.began)})
        else:
            turn.hold.release()

    def _take(self) -> _Turn | None:
        opened = self._space.opened()
        mark = (process.era, opened.store, self._key, threading.get_ident())
        self._refuse(mark)
        if self.done is not None:
            return None
        timeout = opened.timeout if self._timeout is None else self._timeout
        try:
            hold = opened.store.hold((self._key,), timeout if self._wait else 0)
        except LockTimeout:
            if self._wait:
                raise
            return None
        try:
            data = hold.load(self._key)
            done = None if data is None else self._read(data)
        except BaseException:
            hold.release()
            raise
        if done is not None:
            hold.release()
            return None
        _running.add(mark)
        return _Turn(hold, mark, time.monotonic())

    def _refuse(self, mark: tuple[object, Store, bytes, int]) -> None:
        if mark in _running:
            raise Misuse(
                f"{self._name!r} is being done by this very thread, and would wait for itself: "
                "use another name for what is inside of it"
            )
        if current() is not None:
            raise Misuse(
                f"once({self._name!r}) inside of a transaction: it would count as done even if the "
                "transaction is not committed; put the transaction inside of its block"
            )

    def _write(self, began: float) -> bytes:
        took = round(time.monotonic() - began, 3)
        done = Done(datetime.now(UTC), socket.gethostname(), os.getpid(), took)
        return ONCE + self._space.codec.pack(done._asdict(), self._name)

    def _read(self, data: bytes) -> Done:
        if data[:1] != ONCE:
            raise expect(ONCE, data, self._name)
        try:
            kept = self._space.codec.unpack(data[1:])
            return Done(*(kept[field] for field in Done._fields))
        except (StoreError, KeyError, TypeError) as error:
            raise StoreError(
                f"the record of {self._name!r} is damaged ({error!r}); it counts as done until you "
                "delete it"
            ) from None
