"""Leases are renewed for as long as their holder's process runs, by a thread beside the program."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import Protocol

from . import process

log = logging.getLogger("instep")

_IDLE = 30.0  # seconds without a hold after which the thread ends; the next hold starts another


class Leased(Protocol):
    """A hold that ends by itself."""

    def renew(self) -> bool:
        """Begin its time anew; False when it has ended. An error is logged; it is tried again."""


class Keepers:
    """The keepers of one store in this process, by how long the leases last that they renew.

    Args:
        lease: of holds that do not say it themselves, in seconds.
    """

    def __init__(self, lease: float) -> None:
        self.lease = lease
        self.usual = Keeper(lease / 3)
        self._special: dict[float, Keeper] = {}

    def of(self, lease: float | None) -> Keeper:
        """Who renews holds with a lease of so many seconds; None for the usual ones."""
        if lease is None:
            return self.usual
        found = self._special.get(lease)
        return found or self._special.setdefault(lease, Keeper(lease / 3))


class Keeper(process.Lockless):
    """Renews holds of one store in this process.

    Args:
        period: seconds between two renewals of a hold; a third of its lease.
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self.after_fork_in_child()
        process.watch(self)

    def watch(self, hold: Leased) -> None:
        """Renew a hold until it is dropped."""
        self._holds[hold] = time.monotonic()
        if not self._running:
            self._start()

    def drop(self, hold: Leased) -> None:
        """It has ended."""
        self._holds.pop(hold, None)

    def after_fork_in_child(self) -> None:
        """What was held is the parent's, and so is the thread."""
        self._holds: dict[Leased, float] = {}
        self._running = False

    def _start(self) -> None:
        if process.will_fork():
            return  # a thread would leave uWSGI's workers with a lock that nobody lets go of
        self._running = True
        thread = threading.Thread(target=self._keep, name="instep-leases", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter ends: no call will be long any more
            self._running = False

    def _keep(self) -> None:
        era, last = process.era, time.monotonic()
        try:
            while era is process.era:
                time.sleep(self._period / 2)
                now = time.monotonic()
                if self._holds:
                    last = now
                elif now - last > _IDLE:
                    self._running = False
                    if not self._holds:
                        return
                    self._running = True  # one came in between, and found the thread running
                self._renew_all(now)
        except BaseException:  # a greenlet that is killed: the next hold starts another
            if era is process.era:
                self._running = False
            raise

    def _renew_all(self, now: float) -> None:
        # A copy in one step: others take and drop holds meanwhile.
        for hold, since in self._holds.copy().items():
            if now - since >= self._period:
                try:
                    self._renew(hold, now)
                except Exception as error:  # the others must not suffer; this one is tried again
                    with suppress(Exception):  # nor from a log that fails
                        log.warning("instep: a lease could not be renewed: %r", error)

    def _renew(self, hold: Leased, now: float) -> None:
        if not hold.renew():
            self.drop(hold)
        elif hold in self._holds:
            self._holds[hold] = now
