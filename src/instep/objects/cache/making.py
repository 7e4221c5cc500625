"""Values of a cache are made here, by one caller for all.

How it stays right: see `flight`. A value is stored only if the mark of its flight is still there,
and, in a transaction, after the commit: what may yet be rolled back must not be cached.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from ...errors import LockTimeout, StoreError
from ...stores.keys import FLIGHT
from ...transaction import Opened, current
from .entry import Entry
from .figures import Figures
from .flight import LEASE, turn
from .shelf import Shelf
from .terms import Terms


class Making:
    """Makes the values of one cache.

    Args:
        shelf: where they are kept.
        prefix: what all keys of the cache begin with.
        terms: what was declared.
        figures: the cache's.
    """

    def __init__(self, shelf: Shelf, prefix: bytes, terms: Terms, figures: Figures) -> None:
        self._shelf = shelf
        self._flights = prefix + FLIGHT
        self._terms = terms
        self._figures = figures

    def key(self, full: bytes) -> bytes:
        """What is held by whoever makes the value of an entry."""
        return self._flights + full[len(self._shelf.lead) :]

    def wait(self, opened: Opened) -> float:
        """The longest wait for somebody else's flight, in seconds."""
        return opened.timeout if self._terms.timeout is None else self._terms.timeout

    def make(
        self,
        opened: Opened,
        full: bytes,
        seen: Entry | None,
        create: Callable[[], object],
        ttl: float | None,
        tags: tuple[str, ...],
    ) -> object:
        """Make a value, or wait for somebody else who does.

        What is still good is served if there is somebody else, or if no flight can begin (the disk
        is full, all connections are in use): nobody gets an error who can get a value.

        Args:
            opened: the store.
            full: the key of the entry.
            seen: what can be served while somebody makes it anew.
            create: makes the value.
            ttl: as given.
            tags: likewise.
        """
        wait, key = self.wait(opened), self.key(full)
        with ExitStack() as stack:
            try:
                left = stack.enter_context(turn(opened.store, key, 0.0 if seen else wait))
                made = self._made_meanwhile(opened, full, seen)
                if made is None:
                    stack.enter_context(opened.store.hold((key,), left, lease=LEASE))
                    made = self._made_meanwhile(opened, full, seen)
                if made is None:
                    tagged = self._shelf.tagged(opened, tags, self._terms.fresh(ttl))
                    number = self._shelf.mark(opened, full)
            except (LockTimeout, StoreError):
                if seen is None:
                    raise
                self._figures.stale()
                return seen.value
            self._figures.miss()
            if made is not None:
                self._figures.waited()
                return made.value
            return self._create(opened, full, create, ttl, tagged, number)

    def _made_meanwhile(self, opened: Opened, full: bytes, seen: Entry | None) -> Entry | None:
        """The entry that somebody else has made since the caller looked."""
        found = self._shelf.read(opened, full)
        if found is None or time.time() >= found.fresh or (seen and found.made == seen.made):
            return None
        return found

    def _create(
        self,
        opened: Opened,
        full: bytes,
        create: Callable[[], object],
        ttl: float | None,
        tagged: dict[str, bytes],
        number: int,
    ) -> object:
        shelf, began = self._shelf, time.perf_counter()
        try:
            value = create()
            cost = time.perf_counter() - began
            made = shelf.made(full, value, self._terms.fresh(ttl, value), cost, tagged)
            shown = shelf.value(made)
        except BaseException:
            self._figures.failed()
            shelf.unmark(opened, full, number)
            raise
        self._figures.created()

        after_commit(lambda: shelf.land(opened, full, number, made))
        return shown


def after_commit(work: Callable[[], object]) -> None:
    """Do it now, or when the transaction that the caller is in has committed."""
    outer = current()
    if outer is None:
        work()
    else:
        outer.after_commit(work)
