"""The connections of one process to PostgreSQL.

The newest idle one is given out first; a limit bounds how many are in use, and whoever wants
another waits a bounded time. One is kept for what waits for nobody (reads and scans), because those
who wait for each other's row locks might have all the rest. A thread that has one (in the block of
a lock) and needs another gets it beyond the limit: if it waited, it might wait for others that wait
likewise. A forked child forgets the parent's without closing them: their sockets are the parent's
too.
"""

from __future__ import annotations

import os
import queue
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import psycopg

from ...errors import StoreError
from .. import process
from ..lease import Keeper
from .errors import GRANTS, passes, trouble
from .link import Link, Lost, Permit, Refused, Result, Session, Statement, Statements
from .schema import MISSING, ready

GRACE = 5.0  # seconds for which an answer may be late before the connection is given up
_FORBIDDEN = "42501"  # insufficient privilege
_FIRST_SLEEP, _LAST_SLEEP = 0.01, 0.25  # seconds between two tries to connect


class Settings(NamedTuple):
    """What a URL says.

    Args:
        where: the URL without its secrets.
        libpq: the connection's parameters.
        schema: where the tables are.
        limit: the most connections of a process.
        lease: seconds after which the server ends the transaction of a holder that is silent.
        prepared: let the server keep the statements.
    """

    where: str
    libpq: dict[str, str]
    schema: str
    limit: int
    lease: float
    prepared: bool

    def __repr__(self) -> str:
        return f"<settings of {self.where}>"  # a password is among the others


class _Beyond:
    """The permit for a connection beyond the limit."""

    def put(self, item: None) -> None:
        """Nobody waits for it."""


_BEYOND = _Beyond()


class Connections(process.Lockless):
    """Gives out connections and takes them back.

    Args:
        settings: to where, and how many.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.statements = Statements(settings.schema, settings.prepared)
        self._keeper = Keeper(settings.lease / 3)
        self.after_fork_in_child()
        process.watch(self)

    def permit(self, deadline: float | None = None) -> Permit | None:
        """The right to one connection, for a hold; without a deadline None if there is none now.

        Raises:
            StoreError: all are in use until the deadline of `time.monotonic`.
        """
        if threading.get_ident() in self._having:
            return _BEYOND
        if deadline is not None:
            return self._permit(deadline, waits=True)
        with suppress(queue.Empty):
            self._permits.get_nowait()
            return self._permits
        return None

    def take(self, deadline: float, permits: Permit | None = None, *, waits: bool = True) -> Link:
        """A connection, nothing under way on it.

        Args:
            deadline: of `time.monotonic`; at least one try is made.
            permits: the right to it, if the caller has that already; it is given back with it.
            waits: whether it will wait for row locks.

        Raises:
            StoreError: all are in use for so long, or the server cannot be reached.
        """
        if not process.here[0]:
            process.settle()
        if permits is None:
            permits = self.permit(deadline) if waits else self._permit(deadline, waits)
            assert permits is not None
        try:
            try:
                link = self._idle.pop()
            except IndexError:
                link = self._connect(deadline)
            link.permits = permits
            return link
        except BaseException:
            permits.put(None)
            raise

    def spare(self) -> Link | None:
        """A connection that nobody wants at the moment, or None; for what may be left undone."""
        permits = self.permit()
        if permits is not None:
            with suppress(IndexError):
                link = self._idle.pop()
                link.permits = permits
                return link
            permits.put(None)
        return None

    def keep(self, link: Link) -> None:
        """Keep the transaction that is open on a connection alive until it is given back."""
        link.held = True
        link.owner = me = threading.get_ident()
        self._having[me] = self._having.get(me, 0) + 1
        self._keeper.watch(link)

    def give(self, link: Link) -> None:
        """Take a connection back; one on which something is under way is closed."""
        if link.held:
            link.held = False
            self._keeper.drop(link)
            self._let_go(link.owner)
        if link.round is self._round and link.free and len(self._idle) < self.settings.limit:
            self._idle.append(link)
        elif link.era is process.era:
            link.close()
        if link.era is process.era and link.permits is not None:
            permits, link.permits = link.permits, None
            permits.put(None)

    def _let_go(self, thread: int) -> None:
        left = self._having.pop(thread, 0) - 1
        if left > 0:
            self._having[thread] = left

    def drop(self, link: Link) -> None:
        """Close a connection that is lost, and those that were idle when it was."""
        link.sound = False
        self.give(link)
        self._empty()

    def ask(self, statements: Sequence[Statement], deadline: float) -> list[Result]:
        """The results of statements that change nothing and wait for nobody, so that they can be
        sent again.

        Raises:
            Refused: one of them failed.
            StoreError: the server could not be asked.
        """
        while True:
            link = self.take(deadline, waits=False)
            try:
                results = link.ask(statements, max(0.0, deadline - time.monotonic()) + GRACE)
            except Lost as lost:
                self.drop(link)
                if time.monotonic() >= deadline:
                    raise self.trouble(lost.text, lost.state) from None
            except BaseException:
                self.give(link)
                raise
            else:
                self.give(link)
                return results

    def close(self) -> None:
        """Close what is idle now, and the others when they are given back."""
        self._round = object()
        self._checked = False
        self._empty()

    def after_fork_in_child(self) -> None:
        """Begin anew, and keep what is the parent's from being closed."""
        process.forget(self.__dict__.get("_idle"))
        self._idle: deque[Link] = deque()
        self._round = object()
        self._checked = False  # whether this process has seen to the tables
        self._met = False  # whether this process has ever reached the server
        self._having: dict[int, int] = {}  # by thread: how many it has for holds
        self._permits: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._reserve: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._reserve.put(None)
        for _ in range(self.settings.limit - 1):
            self._permits.put(None)

    def _permit(self, deadline: float, waits: bool) -> queue.SimpleQueue[None]:
        try:
            self._permits.get_nowait()
            return self._permits
        except queue.Empty:
            pass
        permits, began = self._permits if waits else self._reserve, time.monotonic()
        try:
            permits.get(timeout=max(0.0, deadline - began))
        except queue.Empty:
            raise StoreError(
                f"{self.settings.where}: all {self.settings.limit} connections of this process "
                f"were in use for {time.monotonic() - began:.3g} s; nothing was written: allow "
                "more with ?pool=, or hold objects for less time"
            ) from None
        return permits

    def _empty(self) -> None:
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    def _connect(self, deadline: float) -> Link:
        """Connect, and try again for as long as what is wrong may pass by itself."""
        pause = _FIRST_SLEEP
        while True:
            try:
                return self._open(deadline)
            except (psycopg.Error, Refused, Lost) as error:
                state, text = getattr(error, "state", ""), getattr(error, "text", str(error))
                late = time.monotonic() + pause >= deadline
                starting = "the database system is" in text or "too many" in text
                if late or not passes(state, text) or not (self._met or starting):
                    raise self.trouble(text, state) from None
            time.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 1.5, _LAST_SLEEP)
            with suppress(IndexError):  # somebody else has given one back, or got one
                return self._idle.pop()

    def _bear(self, link: Link) -> None:
        """Learn the token of the server's life, or give it one."""
        with suppress(Refused):  # of a replica, which has no unlogged tables
            life: Statement = ("life", ())
            [found] = link.ask((life,), GRACE)
            if not found.ntuples:
                birth(link)
                [found] = link.ask((life,), GRACE)
            pid = found.get_value(0, 1) or b""
            link.lives[pid] = found.get_value(0, 0) or b""

    def trouble(self, text: str, state: str = "") -> StoreError:
        """The error for what the server or the connection said."""
        settings = self.settings
        role = settings.libpq.get("user") or "its role"
        grants = GRANTS.format(schema=settings.schema, role=role)
        return trouble(settings.where, text, state, grants)

    def _open(self, deadline: float) -> Link:
        patience = max(2.0, deadline - time.monotonic())
        given: dict[str, Any] = {
            "connect_timeout": str(int(patience)),
            "application_name": f"instep {os.getpid()}@{socket.gethostname()}"[:63],
            "keepalives_idle": "30",
            "keepalives_interval": "10",
            "keepalives_count": "3",
            **self.settings.libpq,
        }
        session = Session.connect("", autocommit=True, **given)
        checked = self._checked
        try:
            link = Link(session, self.statements, self._round)
            if not checked:
                ready(link, self.statements, self.settings.where)
            link.prepare(patience + GRACE)
            self._bear(link)
            self._met = self._checked = True
            return link
        except Refused as refusal:
            session.close()
            if not checked or refusal.state not in MISSING:
                raise
            self._checked = False  # the tables went while the process ran
        except BaseException:
            session.close()
            raise
        return self._open(deadline)


def birth(link: Link) -> None:
    """Give the server's life a token, unless somebody has."""
    token = os.urandom(8)
    try:
        link.ask((("birth", (token,)),), GRACE)
    except Refused as refusal:
        if refusal.state != _FORBIDDEN:
            raise
        link.ask((("birth_blind", (token,)),), GRACE)
