"""Who runs: a request, or a thread beside the requests. Tests and fixtures are nobody.

A context variable says it, so that what a request awaits, or copies its context for, is its own.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from instep.races.watching.uses import Holds, Use

_numbers = itertools.count(1)


@dataclass(slots=True, eq=False)
class Actor:
    """One request, or one background thread.

    Args:
        name: such as `GET /orders in test_orders`, or the thread's.
        repeated: whether it may run beside itself, as a request does.
    """

    name: str
    repeated: bool = True
    holds: Holds = frozenset()
    uses: dict[tuple[int, str | None], Use] = field(default_factory=dict)
    locks: dict[int, tuple[Any, str]] = field(default_factory=dict)
    """The locks it took, and what its source calls them; kept so that no identity is used twice."""

    def took(self, lock: Any, text: str) -> None:
        """It holds a lock now."""
        self.locks.setdefault(id(lock), (lock, text))
        self.holds |= {(id(lock), next(_numbers))}

    def gave_back(self, lock: Any) -> None:
        """It holds it once less."""
        mine = [hold for hold in self.holds if hold[0] == id(lock)]
        if mine:
            self.holds -= {max(mine, key=lambda hold: hold[1])}


CURRENT: ContextVar[Actor | None] = ContextVar("instep_actor", default=None)


@contextmanager
def running(actor: Actor) -> Iterator[None]:
    """What runs inside is that actor's doing."""
    token = CURRENT.set(actor)
    try:
        yield
    finally:
        CURRENT.reset(token)


class Threads:
    """The threads that run beside the requests, each an actor; those that set up are none."""

    def __init__(self) -> None:
        self._setup = {threading.get_ident(), threading.main_thread().ident}
        self._local = threading.local()
        self.actors: list[Actor] = []

    def actor(self) -> Actor | None:
        """The actor of this thread."""
        if threading.get_ident() in self._setup:
            return None
        found: Actor | None = getattr(self._local, "actor", None)
        if found is None:
            name = threading.current_thread().name
            found = self._local.actor = Actor(f"thread {name}", repeated=False)
            self.actors.append(found)
        return found
