"""What a store must know of the process it is in: that it was forked, and what a real thread is.

`os.register_at_fork` hooks close what must not cross a fork. A server that forks in C (uWSGI) runs
no hooks; a page that the kernel wipes in the child (MADV_WIPEONFORK, Linux 4.14) shows that at the
price of reading one byte, where `os.getpid` is a system call.
"""

from __future__ import annotations

import logging
import mmap
import os
import sys
import weakref
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any, Protocol

from ..errors import Misuse

log = logging.getLogger("instep")

_WIPEONFORK = 18  # <sys/mman.h>; Python names it from 3.13 on


class Forkable(Protocol):
    """Something that is told of forks."""

    def before_fork(self) -> None:
        """In the parent: let what is under way end, and let nothing begin."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Forget, without closing, what belongs to the parent."""


class Lockless:
    """What holds no lock that a fork could cut in two: only a child has to begin anew."""

    __slots__ = ()

    def before_fork(self) -> None:
        """Nothing has to end."""

    def after_fork_in_parent(self) -> None:
        """Go on."""


class ReentrantLock(Protocol):
    """`threading.RLock`, with the question that `threading.Condition` asks it."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
    def release(self) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(self, *error: object) -> None: ...
    def _is_owned(self) -> bool: ...


_watched: dict[int, weakref.ref[Forkable]] = {}
_stopped: list[Forkable] = []


def watch(thing: Forkable) -> None:
    """Tell `thing` of every fork for as long as it lives."""
    if not here[0]:
        settle()
    number = id(thing)
    with _forking:  # or it would be carried over the fork that is under way
        _watched[number] = weakref.ref(thing, lambda _: _watched.pop(number, None))


def _living() -> list[Forkable]:
    found = (reference() for reference in _watched.copy().values())
    return [thing for thing in found if thing is not None]


def forget(*things: object) -> None:
    """Keep what a child inherited and must not use for as long as it lives.

    The connections in it are the parent's, and many a finalizer says goodbye to the server.
    """
    _forgotten.extend(things)


_forgotten: list[object] = []


class _Pid:
    """What `here` is where the kernel does not wipe pages."""

    def __init__(self) -> None:
        self._pid = os.getpid()

    def __getitem__(self, _: int) -> bool:
        return os.getpid() == self._pid

    def __setitem__(self, _: int, __: int) -> None:
        self._pid = os.getpid()


def _page() -> mmap.mmap | _Pid:
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_WIPEONFORK)
    except (OSError, AttributeError, ValueError):
        return _Pid()
    page[0] = 1
    return page


here = _page()
"""`here[0]` is false in a child whose fork ran no hooks: call `settle`."""


era = object()
"""The same object for as long as the process is not a fork of itself."""


def settle() -> None:
    """Do in a child what the hooks would have done, once, before any thread goes on."""
    with _settling:
        if not here[0]:
            _stopped[:] = _living()
            _in_child()


def _before() -> None:
    _forking.acquire()  # one fork at a time
    _stopped[:] = _living()
    for thing in _stopped:
        thing.before_fork()


def _in_parent() -> None:
    for thing in _stopped:
        thing.after_fork_in_parent()
    _stopped.clear()
    _forking.release()


def _in_child() -> None:
    global era, _forking
    era = object()
    for thing in _stopped:
        thing.after_fork_in_child()
    _stopped.clear()
    _forking = native("_thread", "allocate_lock")()
    here[0] = 1


def say(message: str) -> None:
    """Log what an administrator must know.

    Under gevent from a thread of its own: a handler that yields would let other greenlets come to
    the native locks that the caller holds.
    """
    report = partial(log.error, "instep: %s", message)
    if "gevent.monkey" in sys.modules:
        native("_thread", "start_new_thread")(report, ())
    else:
        report()


def reentered(place: object) -> Misuse:
    """The error for a store that is called by what interrupts a call of it."""
    return Misuse(
        f"{place}: a signal handler or a finalizer (__del__) came in the middle of a write and "
        "writes itself: let it set a flag, or start a thread, and write after it"
    )


def will_fork() -> bool:
    """Whether this is a uWSGI master that has yet to fork its workers.

    It forks without the interpreter's lock: a thread that has it at that moment leaves the workers
    with a lock that nobody lets go of.
    """
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is None or uwsgi.worker_id():
        return False
    return bool(uwsgi.masterpid()) or uwsgi.numproc > 1


def native(module: str, name: str) -> Callable[..., Any]:
    """The interpreter's own function, also where gevent has put its own in its place.

    A write transaction must never yield to another greenlet, and a checkpoint needs a real thread.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched(module):
        original: Callable[..., Any] = monkey.get_original(module, name)
        return original
    function: Callable[..., Any] = getattr(__import__(module), name)
    return function


_forking: Lock = native("_thread", "allocate_lock")()
_settling: Lock = native("_thread", "allocate_lock")()
os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
