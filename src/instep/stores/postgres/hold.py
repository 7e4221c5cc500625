"""A hold in PostgreSQL: row locks in a transaction that loads, and commits.

How it stays right. The lock, the load and the commit are one transaction of the server's, which
excludes everybody else from the first to the last and vanishes with the connection. A commit sends
its writes and the COMMIT in one message: one that fails, or finds another version than was loaded,
makes the server pass over the COMMIT. A commit whose answer is lost is looked up by the
transaction's id (`outcome`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...errors import Conflict, Holder, LeaseLost, LockTimeout, Misuse, StoreError
from .. import process
from ..keys import readable
from ..local import unheld
from ..record import next_txid, shorten
from ..served import ServedHold
from .holders import evidence, holders
from .link import Link, Lost, Permit, Refused, Statement
from .outcome import Mark, Trace, bear, committed
from .pool import GRACE
from .values import Row, array, held_row, number, real

if TYPE_CHECKING:
    from .store import PostgresStore  # noqa: F401

ANSWER = 10.0  # seconds that a commit may take before its outcome is looked up
_LONGEST = 2**31 - 1  # milliseconds, of PostgreSQL's timeouts

_EVIDENCE = 16  # keys of a hold whose holder can be named while they have no rows

_BUSY = ("55P03", "57014")  # lock_timeout, statement_timeout
_DEADLOCK = "40P01"
_AGAIN = ("40001", _DEADLOCK)
_IDLE = "25P03"  # idle_in_transaction_session_timeout
_MISMATCH = "23502"  # not null: the version was not the one that was loaded

_BEGIN: Statement = ("begin", ())
_COMMIT: Statement = ("commit", ())
_ROLLBACK: Statement = ("rollback", ())
_SAVEPOINT: Statement = ("savepoint", ())
_RELEASE: Statement = ("release", ())
_LEAST = 1.0  # seconds
_UNDO: Statement = ("undo", ())
_LIFE: Statement = ("life", ())


class PostgresHold(ServedHold["PostgresStore"]):
    """Held keys of a PostgreSQL store."""

    __slots__ = (
        "_crossed",
        "_found",
        "_link",
        "_loss",
        "_mark",
        "_patience",
        "_permit",
        "_rows",
        "expires",
        "undone",
        "version",
    )

    def load(self, key: bytes, *, updated: bool = False) -> bytes | None:
        row = self._rows[shorten(key)]
        return row.data if row.lives() else None

    def _prepare(self) -> None:
        self._link: Link | None = None
        self._loss: Conflict | StoreError | None = None  # why there is no link any more
        self._rows: dict[bytes, Row] = {}
        self._mark = Mark(b"", b"")
        self._patience = 0.0
        self._permit: Permit | None = None  # until there is a link, which has it then
        self._found: dict[bytes, Holder] = {}
        self._crossed: Sequence[bytes] = ()  # keys that were waited for in a deadlock
        # What a commit sets besides the data, for `Store.update`.
        self.expires: float | None = None
        self.version: int | None = None
        self.undone = False  # the connection was lost, and nothing of the transaction was written

    def _ask(self, slots: list[int], deadline: float, timeout: float) -> None:
        """As for every server, but nobody waits here for a connection while others wait for what
        it holds in the local queue: they may have all the connections."""
        if self._link is None and self._loss is None:
            self._permit = self._place.pool.permit()
            if self._permit is None:
                self._queue_anew(slots, deadline, timeout)
        try:
            super()._ask(slots, deadline, timeout)
        finally:
            self._give_back()

    def _queue_anew(self, slots: list[int], deadline: float, timeout: float) -> None:
        """Wait for a connection first, and for the keys in the local queue then."""
        keys = [self._held[slot] for slot in slots]
        self._free(slots)
        self._permit = self._place.pool.permit(deadline)
        try:
            for slot, key in zip(slots, keys, strict=True):
                if not self._wait(slot, max(0.0, deadline - time.monotonic())):
                    raise self._late(key, timeout)
                self._held[slot] = key
        except BaseException:
            self._free([slot for slot in slots if slot in self._held])
            self._give_back()
            raise

    def _give_back(self) -> None:
        permit, self._permit = self._permit, None
        if permit is not None:
            permit.put(None)

    def _take(self, keys: Sequence[bytes], deadline: float) -> bytes | None:
        if self._era is not process.era:
            raise Misuse("a process was forked inside a transaction: the parent has the hold")
        if self._link is not None:
            return self._extend(self._link, keys, deadline)
        if self._loss is not None:  # a new transaction would not hold what this one held
            raise self._loss
        self._patience = deadline - time.monotonic()
        while True:
            permit, self._permit = self._permit, None
            link = self._place.pool.take(deadline, permit)
            try:
                self._begin(link, keys, deadline)
                if not self._mark.life:
                    self._mark = self._mark._replace(life=self._life(link, deadline))
            except Lost as lost:
                self._place.pool.drop(link)
                if time.monotonic() >= deadline:
                    raise self._place.pool.trouble(lost.text, lost.state) from None
            except Refused as refusal:
                self._let_go(link)
                if refusal.state in _BUSY and self._is_late(refusal, deadline):
                    return self._busy(keys)
                if refusal.state not in _AGAIN or time.monotonic() >= deadline:
                    raise self._place.pool.trouble(refusal.text, refusal.state) from None
            except BaseException:
                self._place.pool.give(link)
                raise
            else:
                self._link = link
                self._place.pool.keep(link)
                return None

    def _begin(self, link: Link, keys: Sequence[bytes], deadline: float) -> None:
        """Lock and load the first keys; a single one that has a row in one round trip."""
        if len(keys) > 1:
            self._claim(link, (_BEGIN,), keys, (), deadline)
            return
        stored = shorten(keys[0])
        left = max(0.0, deadline - time.monotonic())
        lock = "lock", (stored, _milliseconds(left), self._place.lease)
        _, found = link.ask((_BEGIN, lock), left + GRACE)
        if found.ntuples:
            self._rows[stored], self._mark = held_row(found, 0, 0, link.lives)
        else:
            self._claim(link, (), keys, (), deadline)

    def _life(self, link: Link, deadline: float) -> bytes:
        """The token of the server's life, for a process of it that is met for the first time."""
        [found] = link.ask((_LIFE,), GRACE)
        if not found.ntuples:
            bear(self._place.pool, deadline)
            [found] = link.ask((_LIFE,), GRACE)
        token, pid = found.get_value(0, 0) or b"", found.get_value(0, 1) or b""
        link.lives[pid] = token
        return token

    def _claim(
        self,
        link: Link,
        before: Sequence[Statement],
        keys: Sequence[bytes],
        after: Sequence[Statement],
        deadline: float,
    ) -> None:
        """Lock and load keys that may have no rows yet, in their order, in one round trip."""
        stored = [shorten(key) for key in keys]
        names = [None if short == key else key for short, key in zip(stored, keys, strict=True)]
        left = max(0.0, deadline - time.monotonic())
        wait = _milliseconds(left)
        # All of it has a second at least: a busy server takes a while to claim what nobody holds.
        whole = _milliseconds(max(left, _LEAST))
        statements: list[Statement] = [
            *before,
            ("limits", (wait, whole, self._place.lease)),
            ("claim", (array(stored), array(names))),
            ("load", (array(stored),)),
            ("limits", (wait, b"0", self._place.lease)),
        ]
        if len(self._rows) + len(keys) <= _EVIDENCE:
            shown = evidence(self._place.pool.settings.schema, stored)
            statements.append(("evidence", (shown,)))
        found = link.ask((*statements, *after), left + GRACE)[len(before) + 2]
        for at in range(found.ntuples):
            key = found.get_value(at, 0) or b""
            self._rows[key], self._mark = held_row(found, at, 1, link.lives)

    def _extend(self, link: Link, keys: Sequence[bytes], deadline: float) -> bytes | None:
        """More keys, behind a savepoint: what cannot be had costs nothing that is held."""
        pool = self._place.pool
        try:
            with link.lock, self._ended_by_loss(link):
                try:
                    self._claim(link, (_SAVEPOINT,), keys, (_RELEASE,), deadline)
                except Refused:
                    link.ask((_UNDO, _RELEASE), GRACE)
                    raise
        except Refused as refusal:
            if refusal.state == _DEADLOCK:
                self._crossed = keys
                return keys[0]
            if refusal.state in _BUSY and self._is_late(refusal, deadline):
                return self._busy(keys)
            raise pool.trouble(refusal.text, refusal.state) from None
        return None

    def _send(self, changes: Mapping[bytes, bytes | None]) -> None:
        link = self._link
        if link is None:
            raise self._loss or Misuse("this hold has ended")
        statements, traces = [], []
        for key, data in changes.items():
            statement, trace = self._writing(shorten(key), data)
            statements.append(statement)
            traces.append(trace)
        if len(changes) < len(self._rows):
            gone = {trace.key for trace in traces}
            empty = (stored for stored, row in self._rows.items() if not row.version)
            statements += [("delete", (stored,)) for stored in empty if stored not in gone]
        statements.append(_COMMIT)
        try:
            with link.lock:
                *_, done = link.ask(statements, max(self._patience, ANSWER))
        except Lost as lost:
            self._look_up(link, lost, traces)
        except Refused as refusal:
            raise self._refused(refusal, changes) from None
        else:
            self._link = None
            self._place.pool.give(link)
            if done.command_status != b"COMMIT":
                raise self._place.pool.trouble(f"it answered {done.command_status!r} to COMMIT")

    def _writing(self, stored: bytes, data: bytes | None) -> tuple[Statement, Trace]:
        row = self._rows[stored]
        if data is None:
            return ("delete", (stored,)), Trace(stored, row.txid, b"")
        txid, keep = number(next_txid()), row.expires if row.lives() else 0.0
        values = (
            stored,
            number(row.version),
            number(self.version or row.version + 1),
            txid,
            real(keep if self.expires is None else self.expires),
            data,
        )
        return ("write", values), Trace(stored, row.txid, txid)

    def _look_up(self, link: Link, lost: Lost, traces: Sequence[Trace]) -> None:
        """A commit's answer was lost: find out whether it was done."""
        silent = time.monotonic() - link.used
        self._link = None
        self._place.pool.drop(link)
        patience = max(self._patience, ANSWER)
        if lost.state == _IDLE or not committed(
            self._place.pool, self._mark, traces, lost.text, patience
        ):
            raise self._lost(lost.text, lost.state, silent)

    def _refused(self, refusal: Refused, changes: Mapping[bytes, bytes | None]) -> Exception:
        if refusal.state == _MISMATCH:
            return unheld(next(iter(changes)))
        return self._place.pool.trouble(refusal.text, refusal.state)

    def _lost(self, why: str, state: str, silent: float) -> Conflict | StoreError:
        """The error for a transaction that ended without a commit."""
        self.undone = True
        lease, where = self._place.pool.settings.lease, self._place.url
        names = ", ".join(readable(key) for key in self._held.values())
        if state == _IDLE or silent > lease:
            return LeaseLost(
                f"{where}: this process was silent for {silent:.3g} s while it held {names}, and "
                f"the server ended its transaction after {lease:g} s: nothing was written; call "
                "again, or allow longer pauses with ?lease="
            )
        return StoreError(
            f"{where}: the connection was lost while {names} was held ({why}), and nothing was "
            "written: call again"
        )

    @contextmanager
    def _ended_by_loss(self, link: Link) -> Iterator[None]:
        """When the connection is lost, so is the hold."""
        try:
            yield
        except Lost as lost:
            silent = time.monotonic() - link.used
            self._link = None
            self._place.pool.drop(link)
            self._loss = self._lost(lost.text, lost.state, silent)
            raise self._loss from None

    def _abandon(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            with link.lock:
                self._let_go(link)

    def _let_go(self, link: Link) -> None:
        """End a transaction; a connection on which that cannot be said is closed."""
        try:
            if link.sound:
                link.ask((_ROLLBACK,), GRACE)
        except (Lost, Refused):
            link.sound = False
        finally:
            self._place.pool.give(link)

    def _holder(self, key: bytes) -> Holder | None:
        return self._found.get(shorten(key))

    def _busy(self, keys: Sequence[bytes]) -> bytes:
        """The key that somebody else has, as far as can be told."""
        self._found = holders(self._place.pool, [shorten(key) for key in keys])
        return next((key for key in keys if shorten(key) in self._found), keys[0])

    def _late(self, key: bytes, timeout: float) -> LockTimeout:
        if not self._crossed:
            return super()._late(key, timeout)
        crossed, self._crossed = self._crossed, ()
        mine = ", ".join(readable(k) for k in self._held.values() if k not in crossed)
        wanted = ", ".join(readable(key) for key in crossed)
        return LockTimeout(
            f"Deadlock between processes: this call holds {mine} and waits for {wanted}; another "
            f"one holds {wanted} and waits for {mine}. Name all of them in one transaction(…), "
            "which takes them in one order",
            name=readable(key),
            timeout=timeout,
        )

    @staticmethod
    def _is_late(refusal: Refused, deadline: float) -> bool:
        """Whether it was our own time that ran out: an administrator may cancel statements too."""
        return refusal.state == "55P03" or time.monotonic() >= deadline - 0.01


def _milliseconds(seconds: float) -> bytes:
    """As the server's timeouts take them; 0 would be none."""
    return b"%d" % min(max(1, int(seconds * 1000)), _LONGEST)
