"""One run of a factory, and those who wait for it.

How it stays right. Of several callers the first to put its `Making` in the scope's dictionary runs
the factory; the others wait for that very run, for a bounded time. There is no lock that a fork
could leave locked: a child begins with a dictionary of its own.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Protocol

from ..errors import Holder, LockTimeout, Misuse
from ..stores import process

_CIRCLE = 100  # resources that wait for each other; a longer chain ends by the timeout


class Named(Protocol):
    """What is made: it has a name for messages and a bound for waiting."""

    name: str
    timeout: float


class Making:
    """A factory that runs.

    Args:
        resource: whose factory.
    """

    __slots__ = ("_done", "_era", "_resource", "_since", "_thread")

    def __init__(self, resource: Named) -> None:
        self._resource = resource
        self._thread = threading.get_ident()
        self._since = time.time()
        self._era = process.era
        self._done = threading.Event()  # gevent's, where it has patched

    def begin(self) -> None:
        """Note that the calling thread runs the factory."""
        _makes.setdefault(self._thread, []).append(self)

    def done(self) -> None:
        """Let those who wait go on."""
        mine = _makes.get(self._thread, [])
        if self in mine:
            mine.remove(self)
        if not mine:
            _makes.pop(self._thread, None)
        self._done.set()

    def wait(self, deadline: float) -> None:
        """Wait until the factory has returned or failed.

        Raises:
            LockTimeout: it runs until the deadline of `time.monotonic`.
            Misuse: the caller is in that very factory, or makes what the factory waits for.
        """
        me = threading.get_ident()
        _waits[me] = self
        try:
            self._refuse_circle(me)
            if not self._done.wait(max(0.0, deadline - time.monotonic())):
                raise self._late()
        finally:
            _waits.pop(me, None)

    def _refuse_circle(self, me: int) -> None:
        names, making = self._needs(), self
        for _ in range(_CIRCLE):
            if making._thread == me:
                raise Misuse(
                    f"resources that need each other: {' needs '.join([*names, names[0]])}: a "
                    "factory cannot ask for what it is about to make; make one without the other"
                )
            following = _waits.get(making._thread)
            if following is None or following._era is not process.era:
                return
            making = following
            names += making._needs()

    def _needs(self) -> list[str]:
        """The names of this resource and of those that its factory is making for it."""
        makes = list(_makes.get(self._thread, ()))  # as it is now: its thread goes on
        inner = makes[makes.index(self) :] if self in makes else [self]
        return [making._resource.name for making in inner]

    def _late(self) -> LockTimeout:
        holder = Holder(socket.gethostname(), os.getpid(), self._thread, self._since)
        timeout = self._resource.timeout
        return LockTimeout(
            f"the resource {self._resource.name!r} is being made by {holder}, for longer than the "
            f"{timeout:g} s that others wait for it: look what its factory waits for, or give it "
            "another timeout=",
            name=self._resource.name,
            timeout=timeout,
            holder=holder,
        )


_waits: dict[int, Making] = {}  # by thread: what it waits for
_makes: dict[int, list[Making]] = {}  # by thread: what it makes, the innermost last
