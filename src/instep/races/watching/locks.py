"""Lock operations of an instrumented program: `with lock`, `.acquire()`, `.release()`.

A lock is whatever has `acquire` and `release` and whose methods are not the watched program's own
(those tell by themselves, from inside), whoever made it and whenever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any

from instep.races.watching import probe
from instep.races.watching.sites import SITES, Site

watched: set[str] = set()
"""The files of the instrumented modules."""

_locks: dict[type, bool] = {}


def is_lock(thing: Any) -> bool:
    """Whether an object is a lock, by its type."""
    cls = type(thing)
    known = _locks.get(cls)
    if known is None:
        known = _locks[cls] = _looks_like_one(cls)
    return known


def _looks_like_one(cls: type) -> bool:
    if issubclass(cls, threading.Condition):
        return True  # it keeps its lock's methods in itself
    if not (probe.has(cls, "acquire") and probe.has(cls, "release")):
        return False
    acquire = getattr(cls, "acquire", None)
    if not callable(acquire) or not callable(getattr(cls, "release", None)):
        return False
    return not (isinstance(acquire, FunctionType) and acquire.__code__.co_filename in watched)


class Held:
    """Stands for a lock in a `with`, and tells of both ends."""

    __slots__ = ("lock", "site")

    def __init__(self, lock: Any, site: Site) -> None:
        self.lock = lock
        self.site = site

    def __enter__(self) -> Any:
        lock = self.lock
        return _acquire(lock, True, -1, self.site, lambda: type(lock).__enter__(lock))

    def __exit__(self, *exc: Any) -> Any:
        lock = self.lock
        return _release(lock, self.site, lambda: type(lock).__exit__(lock, *exc))


def _acquire(
    lock: Any, blocking: bool, timeout: float, site: Site, native: Callable[[], Any]
) -> Any:
    listener = probe.listening()
    if listener is None:
        return native()
    return listener.acquire(lock, blocking, timeout, site, native)


def _release(lock: Any, site: Site, native: Callable[[], Any]) -> Any:
    listener = probe.listening()
    return native() if listener is None else listener.release(lock, site, native)


def entered(manager: Any, number: int) -> Any:
    """A context manager is about to be entered."""
    if probe.listening() is None:
        return manager
    cls = type(manager)
    if not is_lock(manager) or not probe.has(cls, "__enter__") or not probe.has(cls, "__exit__"):
        return manager
    return Held(manager, SITES[number])


def called(owner: Any, number: int) -> Any:
    """`acquire` or `release` of something is about to be called: returns what to call."""
    site = SITES[number]
    method = getattr(owner, site.method)
    if probe.listening() is None or not is_lock(owner):
        return method
    if site.method == "release":
        return lambda *args, **words: _release(owner, site, lambda: method(*args, **words))

    def acquire(*args: Any, **words: Any) -> Any:
        blocking, timeout = asked(*args, **words)
        return _acquire(owner, blocking, timeout, site, lambda: method(*args, **words))

    return acquire


def asked(*args: Any, **words: Any) -> tuple[bool, float]:
    """What a call of `acquire` asks for: whether to wait, and for how many seconds (-1: ever)."""
    blocking = args[0] if args else words.get("blocking", True)
    timeout = args[1] if len(args) > 1 else words.get("timeout", -1)
    waits = timeout if isinstance(timeout, int | float) else -1
    return bool(blocking), float(waits)
