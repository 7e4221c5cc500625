"""Lifetimes: the scopes of a space in this process, and when they end.

A process's scope ends at its exit, in the process that filled it and in no other. A thread's ends
with the thread, in the thread: an object in its thread-local storage is finalized then. In a forked
child all of them are forgotten, including those of the threads that the child does not have. The
interpreter drops their thread-locals before any hook runs, which is why values are held here too.
"""

from __future__ import annotations

import _thread
import atexit
import sys
import threading
import weakref

from ..stores import process
from .scope import Scope, told


class Lifetimes(process.Lockless):
    """The scopes of one space, or of one application, in this process."""

    _local: threading.local

    def __init__(self) -> None:
        self.process = Scope("process")
        self._open: dict[int, Scope] = {}  # those of threads and requests
        process.watch(self)
        number = id(self)
        _living[number] = weakref.ref(self, lambda _: _gone(number))

    def thread(self) -> Scope:
        """The scope of the calling thread or greenlet."""
        try:
            scope: Scope = self._local.scope
        except AttributeError:
            return self._new_thread()
        return scope

    def begin(self, what: str) -> Scope:
        """A scope that the caller will hand to `end`."""
        scope = Scope(what)
        self._open[id(scope)] = scope
        return scope

    def end(self, scope: Scope) -> list[BaseException]:
        """Close what is in a scope for good; the errors, which are logged."""
        try:
            return scope.end()
        finally:
            self._open.pop(id(scope), None)

    def close(self) -> list[BaseException]:
        """Close what the process has and what this thread has; the errors, which are logged.

        Other threads close theirs at their next use or their end. Whatever is used again is made
        again.
        """
        mine = self.thread()
        for scope in list(self._open.values()):
            if scope.what == "thread" and scope is not mine:
                scope.retire()
        return mine.close() + self.process.close()

    def after_fork_in_child(self) -> None:
        """Forget, without closing, what the parent has made."""
        self.process.forget()
        for scope in self._open.values():
            scope.forget()
        threads = [scope for scope in self._open.values() if scope.what == "thread"]
        for scope in threads:
            del self._open[id(scope)]
        self.__dict__.pop("_local", None)

    def _new_thread(self) -> Scope:
        # Made only now: in a worker that gevent has patched after the program was loaded, the
        # storage must be greenlets'.
        local = self.__dict__.setdefault("_local", threading.local())
        scope = self.begin("thread")
        local.end = _End(self, scope)
        local.scope = scope
        return scope


class _End:
    """Ends a thread's scope when the thread's storage goes."""

    def __init__(self, lifetimes: Lifetimes, scope: Scope) -> None:
        self._lifetimes = weakref.ref(lifetimes)
        self._scope = scope
        self._era = process.era

    def __del__(self) -> None:
        if sys.is_finalizing() or not process.here[0] or self._era is not process.era:
            return  # in a child these are the parent's; hooks have not run yet
        lifetimes = self._lifetimes()
        if lifetimes is None:
            return
        if self._scope.values and "gevent.monkey" in sys.modules:
            # This may be gevent's hub, which must not wait for a network.
            _thread.start_new_thread(lifetimes.end, (self._scope,))
        else:
            told(lifetimes.end(self._scope))


_living: dict[int, weakref.ref[Lifetimes]] = {}


def _gone(number: int) -> None:
    _living.pop(number, None)


def _at_exit() -> None:
    if not process.here[0]:
        process.settle()
    for reference in reversed(list(_living.values())):
        lifetimes = reference()
        if lifetimes is not None:
            told(lifetimes.close())


atexit.register(_at_exit)
