"""What a store must know of the process it is in: that it was forked, and what a real thread is.

`os.register_at_fork` hooks close what must not cross a fork. A server that forks in C (uWSGI) runs
no hooks; a page that the kernel wipes in the child (MADV_WIPEONFORK, Linux 4.14) shows that at the
price of reading one byte, where `os.getpid` is a system call.
"""

from __future__ import annotations

import mmap
import os
import sys
import weakref
from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

_WIPEONFORK = 18  # <sys/mman.h>; Python names it from 3.13 on


class Forkable(Protocol):
    """Something that is told of forks."""

    def before_fork(self) -> None:
        """In the parent: let what is under way end, and let nothing begin."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Forget, without closing, what belongs to the parent."""


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()
_stopped: list[Forkable] = []


def watch(thing: Forkable) -> None:
    """Tell `thing` of every fork for as long as it lives."""
    _watched.add(thing)


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
            _stopped[:] = list(_watched)
            _in_child()


def _before() -> None:
    _forking.acquire()  # one fork at a time
    _stopped[:] = sorted(_watched, key=id)
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
