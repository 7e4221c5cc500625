"""Locks: mutual exclusion between all threads, greenlets and processes."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import NamedTuple

from ..errors import Misuse
from ..stores import process
from ..stores.base import Hold
from ..stores.change import Add
from ..stores.keys import LOCK as HELD
from ..stores.keys import UNDER
from .kinds import LOCK, number
from .names import Named, Owner


class Held(NamedTuple):
    """What a `with` block on a lock gets.

    Args:
        name: the lock's name.
        fence: a number that grows with every hold: hand it to what the lock guards, which then can
            refuse a caller whose number is older than one it has seen.
    """

    name: str
    fence: int


class Lock(Named):
    """One holder at a time, among all workers; made by `Space.lock`, used by `with`.

    The kernel frees it when its holder dies. Not reentrant.

    Example:
        >>> from instep import Space
        >>> space = Space("memory:")
        >>> with space.lock("nightly-report", timeout=5) as first:
        ...     pass
        >>> with space.lock("nightly-report", timeout=5) as second:
        ...     second.fence > first.fence
        True
    """

    def __init__(self, space: Owner, name: str, key: bytes, timeout: float | None) -> None:
        self._space = space
        self._name = name
        self._key = key
        self._timeout = timeout
        self._fences = Add(1, 0, LOCK, self._read, _write)
        self._holds: dict[int, Hold] = {}
        self._era = process.era

    def __repr__(self) -> str:
        return f"<lock {self._name!r}>"

    def __enter__(self) -> Held:
        """Wait for the lock and hold it.

        Raises:
            LockTimeout: somebody else had it for longer than the timeout; the error says who.
            Misuse: this very thread has it through this object.
        """
        opened, me = self._space.opened(), threading.get_ident()
        if self._era is not process.era:  # a fork's child: what was held is the parent's
            self._era, self._holds = process.era, {}
        if me in self._holds:
            raise Misuse(f"this thread holds the lock {self._name!r} already: it is not reentrant")
        timeout = opened.timeout if self._timeout is None else self._timeout
        hold = opened.store.hold((self._key + UNDER + HELD,), timeout)
        try:
            fence = opened.store.update(self._key, self._fences, opened.timeout)
        except BaseException:
            hold.release()
            raise
        self._holds[me] = hold
        return Held(self._name, fence)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the lock.

        Raises:
            LeaseLost: it was lost before, because this process was paused for too long; somebody
                else may have had it meanwhile.
        """
        hold = self._holds.pop(threading.get_ident(), None)
        if hold is not None and kind is None:
            hold.commit({})
        elif hold is not None:
            hold.release()

    def _read(self, old: bytes | None) -> int:
        return 0 if old is None else number(LOCK, old, self._name)


def _write(fence: int) -> bytes:
    return LOCK + b"%x" % fence
