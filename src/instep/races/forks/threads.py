"""Threads and locks, as a fork leaves them: no thread but one lives on, and a held lock stays held.

A thread is remembered weakly, and a lock is only asked whether it is taken, never asked for it.
"""

import threading
import weakref
from collections.abc import Collection
from dataclasses import dataclass
from threading import Thread
from types import FunctionType, MethodType
from typing import Any

from instep.races.forks.naming import attributes
from instep.races.forks.reach import home

LOCK: type[Any] = type(threading.Lock())
RLOCK: type[Any] = type(threading.RLock())


@dataclass(frozen=True, slots=True)
class Ran:
    """A thread that was alive before the fork.

    Args:
        thread: the thread, if its object still is there.
        ident: of the thread, by which a lock knows its owner.
        name: of the thread.
        runs: the function that it runs, or its class.
    """

    thread: "weakref.ref[Thread]"
    ident: int | None
    name: str
    runs: str


def living() -> list[Ran]:
    """The threads that live, but for this one and those that this library minds itself."""
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    ran = [Ran(weakref.ref(thread), thread.ident, thread.name, runs(thread)) for thread in others]
    return [each for each in ran if not each.runs.startswith("instep.")]


def runs(thread: Thread) -> str:
    """What a thread runs: the dotted name of its function, or of its class."""
    target: Any = dict(attributes(thread)).get("_target")
    function = target.__func__ if type(target) is MethodType else target
    if type(function) is FunctionType:
        return f"{function.__module__}.{function.__qualname__}"
    return f"{home(type(thread))}.{type(thread).__name__}"


def held(thing: object, gone: Collection[int | None]) -> bool:
    """Whether a lock is taken by somebody who does not live in this process.

    A plain lock does not know its owner: right after a fork, whoever took it is not here.

    Args:
        thing: anything.
        gone: the idents of threads that the fork left behind.
    """
    if type(thing) is threading.Condition:
        return held(dict(attributes(thing)).get("_lock"), gone)
    if type(thing) is RLOCK:
        return _owner(RLOCK.__repr__(thing)) in gone
    return type(thing) is LOCK and bool(thing.locked())  # type: ignore[attr-defined]


def _owner(text: str) -> int | None:
    """Who has a lock that prints itself as `<locked _thread.RLock object owner=… count=…>`."""
    taken = text.startswith("<locked")
    return int(text.partition("owner=")[2].partition(" ")[0]) if taken else None
