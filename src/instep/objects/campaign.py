"""Campaigns: a thread of each process that tries for a seat, leads, and makes sure that it does.

Forks: a child campaigns by itself, with a thread of its own, and begins without a seat. The first
try is not made at once, and whoever has forked tries less often than its children: so under
`gunicorn --preload` a worker leads, and not the master.
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import threading
import time
from collections.abc import Callable

from ..cells import refuse_lazy
from ..errors import InstepError, Misuse
from ..stores import process
from . import background
from .seat import Candidate, Seat

log = logging.getLogger("instep")

PULSE = 1.0  # seconds between two tries, and between two looks whether the seat is still ours
_BEHIND = 3  # pulses that whoever has forked leaves to its children
_AT_LEAST = 5  # pulses after which it tries in any case

Call = Callable[[], object]


class Campaign(process.Lockless):
    """Tries to lead until it is ended.

    Args:
        name: of the leader, for the log.
        candidate: takes seats.
        start: is called when a term begins.
        stop: is called when it has ended.
        inherited: whether a forked child goes on with it.
    """

    def __init__(
        self, name: str, candidate: Candidate, start: Call, stop: Call, *, inherited: bool
    ) -> None:
        self._name = name
        self._candidate = candidate
        self._start = start
        self._stop = stop
        self._inherited = inherited
        self._pulse = min(PULSE, candidate.lease / 5)
        self._pid = os.getpid()
        self.failure: Misuse | None = None
        self._reset()
        process.watch(self)

    @property
    def seat(self) -> Seat | None:
        """What this process leads by, if it does and can be sure of it."""
        if not process.here[0]:
            process.settle()
        seat = self._seat
        return seat if seat is not None and time.monotonic() < seat.until else None

    @property
    def over(self) -> bool:
        """Whether it was ended."""
        return self._over.is_set()

    def begin(self) -> None:
        """Try in the background, at once."""
        atexit.register(self.end)
        background.start(self._run)

    def begin_later(self) -> None:
        """Try in the background, after a pulse."""
        self._tried = time.monotonic()
        self.begin()

    def end(self) -> None:
        """Stop trying and leading, and wait until that is done; a bounded time."""
        atexit.unregister(self.end)
        self._over.set()
        self.elected.set()
        if self._thread != threading.get_ident():
            self._finished.wait(self._candidate.lease)

    def after_fork_in_parent(self) -> None:
        """Let the children try first."""
        self._forked = time.monotonic()

    def after_fork_in_child(self) -> None:
        """The seat and the thread are the parent's."""
        over = self._over.is_set() or not self._inherited
        self._reset()
        self._tried = time.monotonic()
        if over:
            self._over.set()
        else:
            background.start_in_child(self._run)

    def _reset(self) -> None:
        self._seat: Seat | None = None
        self._over, self.elected = threading.Event(), threading.Event()
        self._finished = threading.Event()
        self._finished.set()
        self._thread = 0
        self._tried = self._forked = 0.0

    def _run(self) -> None:
        """What the thread does."""
        self._thread = threading.get_ident()
        self._finished.clear()
        try:
            while self._its_turn() and not self._is_pointless():
                self._tried = time.monotonic()
                seat = self._try()
                if seat is not None:
                    self._lead(seat)
        finally:
            self._over.set()
            self._finished.set()
            self.elected.set()

    def _its_turn(self) -> bool:
        """Wait until the next try is due; False if the campaign is over."""
        pause = self._pulse * random.uniform(0.8, 1.2)
        while not self._over.is_set():
            due = self._tried + pause if self._tried else 0.0
            if self._forked:
                late = self._tried + _AT_LEAST * self._pulse
                due = max(due, min(self._forked + _BEHIND * self._pulse, late))
            left = due - time.monotonic()
            if left <= 0:
                return True
            self._over.wait(left)
        return False

    def _is_pointless(self) -> bool:
        """Whether this process is not one that should lead."""
        forked = os.getpid() != self._pid
        return background.never_serves() or (forked and background.of_multiprocessing())

    def _try(self) -> Seat | None:
        try:
            return self._candidate.take()
        except Misuse as error:
            log.error("instep: nobody can lead %r: %s", self._name, error)
            self.failure = error
            self._over.set()
        except Exception as error:
            log.warning("instep: whether %r is led cannot be told: %s", self._name, error)
        return None

    def _lead(self, seat: Seat) -> None:
        """Lead for a term: to the end of the campaign, or until the seat is lost."""
        log.info("instep: process %s leads %r, term %s", os.getpid(), self._name, seat.fence)
        self._seat = seat
        began = False
        try:
            began = self._call(self._start)
            if began:
                self.elected.set()
                while not self._over.wait(self._pulse) and self._stays(seat):
                    pass
        finally:
            self._seat = None
            try:
                self._call(self._stop)
            finally:  # also if it wants to end the thread
                seat.leave()
            # Who could not begin lets others try before it tries again.
            self._tried = time.monotonic() + (0 if began else _AT_LEAST * self._pulse)
            if not self._over.is_set():
                self.elected.clear()

    def _stays(self, seat: Seat) -> bool:
        """Whether the term goes on; if the store is silent, only while it is sure to answer in time
        once more."""
        if background.never_serves():
            return False
        try:
            kept = seat.keep()
        except Exception as error:
            left = seat.until - time.monotonic()
            kept = left > self._pulse + self._candidate.patience
            log.warning("instep: whether %r is still led cannot be told: %s", self._name, error)
        if not kept:
            log.warning("instep: process %s no longer leads %r", os.getpid(), self._name)
        return kept

    def _call(self, function: Call) -> bool:
        """Call what the program gave; whether it did not fail."""
        try:
            refuse_lazy(self._candidate.key, function())
        except Exception as error:
            if isinstance(error, InstepError):
                log.warning("instep: %r: %r failed: %s", self._name, function, error)
            else:
                log.exception("instep: %r: %r failed", self._name, function)
            return False
        return True
