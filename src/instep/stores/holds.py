"""Holds: who has the exclusive right to a key, among threads, greenlets and processes of a machine.

How it stays right. A key's hold is an in-process lock first and a kernel-released file lock second.
The in-process lock is made at first use, so that it is gevent's where gevent has patched threading;
waiting for another process is try, then a cooperative sleep, never a blocking system call. Beside
the locks lies a table with a row for each held key that says who holds it since when, and what that
holder waits for: it explains a `LockTimeout`, and nothing that must be right rests on it.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import blake2b
from struct import Struct

from ..errors import Holder, LockTimeout
from .filelock import BUSY, RESERVED, FileLocks
from .keys import check_key, readable

_ROW = Struct("<QQQdQ")  # slot, pid, thread, since, the slot that its holder waits for
_ROW_SIZE = 64
_ROWS = 1024
TABLE_SIZE = _ROWS * _ROW_SIZE

_FIRST_SLEEP, _LAST_SLEEP = 20e-6, 1e-3  # seconds between two tries for another process's lock
_PATIENCE = 20e-3  # seconds of trying after which a process queues
_KEPT = 4096  # in-process locks that are kept for the next caller

_put = _ROW.pack_into
_monotonic = time.monotonic
_time = time.time


@lru_cache(maxsize=16384)
def number_of(key: bytes) -> int:
    """A key's lock: 61 bits of its BLAKE2b digest; two keys that collide only wait more."""
    check_key(key)
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big") // 8 + RESERVED


def too_late(
    key: bytes, timeout: float, holder: Holder | None, wanted: bytes | None
) -> LockTimeout:
    """The error for a wait for `key` that was too long.

    Args:
        key: what was waited for.
        timeout: how long, in seconds.
        holder: who has it, as far as that can be told.
        wanted: what of the caller's own that one waits for: a deadlock.
    """
    name = readable(key)
    message = f"waited {timeout:g} s for {name}"
    message += f", held by {holder}" if holder else ", held by somebody else"
    if wanted is not None:
        message += (
            f". Deadlock: this call holds {readable(wanted)} and waits for {name}; that one "
            f"holds {name} and waits for {readable(wanted)}. Name both in one "
            "transaction(…), which takes them in one order"
        )
    else:
        message += ". Try again later, hold it for less time, or allow a longer timeout"
    return LockTimeout(message, name=name, timeout=timeout, holder=holder)


class Closed(Exception):
    """These holds have ended: ask the store for its new ones."""


class _Slot:
    """The two locks of a slot in this process: between its threads, and between processes."""

    __slots__ = ("free", "free_turn", "lock", "queued", "row", "take", "take_turn")

    def __init__(self, files: FileLocks | None, slot: int) -> None:
        self.row = slot % _ROWS * _ROW_SIZE
        self.queued = self.row + _ROW.size
        self.lock = threading.Lock()
        self.take: Callable[[], object] = _nothing
        self.free: Callable[[], object] = _nothing
        self.take_turn: Callable[[], object] = _nothing
        self.free_turn: Callable[[], object] = _nothing
        if files is not None:
            self.take, self.free = files.calls(slot)
            self.take_turn, self.free_turn = files.calls(files.turn(slot))


def _poll(take: Callable[[], object], deadline: float) -> bool:
    """Call until it raises no more that somebody else has the lock."""
    pause = _FIRST_SLEEP
    while True:
        with suppress(*BUSY):
            take()
            return True
        if _monotonic() >= deadline:
            return False
        time.sleep(pause * (0.5 + random.random()))
        pause = min(pause * 1.5, _LAST_SLEEP)


def _nothing() -> None:
    """A store that one process has to itself needs no file locks."""


class Holds:
    """The holds of one store in this process.

    Args:
        table: at least `TABLE_SIZE` writable bytes, shared between the processes.
        files: the locks between processes, or None for a store that one process has to itself.
    """

    def __init__(self, table: bytearray | memoryview, files: FileLocks | None) -> None:
        self._table = table
        self._files = files
        self._slots: dict[int, _Slot] = {}
        self._pid = os.getpid()
        self.closed = False
        # The number that is locked for a key; keys with equal ones are one hold.
        self.slot: Callable[[bytes], int] = number_of
        if files is not None and files.shared:
            self.slot = lambda key: files.slot(number_of(key))

    def take(self, slot: int, timeout: float) -> bool:
        """Hold a slot, waiting for at most `timeout` seconds; False if somebody else kept it."""
        mine, deadline = self._slots.get(slot), None
        if mine is None or not mine.lock.acquire(False):
            deadline = _monotonic() + timeout
            mine = self._await_thread(slot, deadline)
            if mine is None:
                return False
        elif self._slots.get(slot) is not mine:  # dropped in between: see `_new`
            mine.lock.release()
            return self.take(slot, timeout)
        try:
            if self._table[mine.queued]:
                raise BlockingIOError  # another process has waited for long: get in line
            mine.take()
        except BUSY:
            if not self._await_process(mine, deadline or _monotonic() + timeout):
                return False
        except BaseException:
            mine.lock.release()
            raise
        _put(self._table, mine.row, slot, self._pid, threading.get_ident(), _time(), 0)
        return True

    def free(self, slot: int) -> None:
        """Let go of a slot that this process holds."""
        mine = self._slots[slot]
        try:
            mine.free()
        finally:
            mine.lock.release()

    def close(self) -> bool:
        """End these holds for good, unless somebody has one; whether that was done.

        Whoever waits meanwhile gets `Closed`, and waits again on the holds that come after.
        """
        taken = []
        self.closed = True
        try:
            for mine in self._slots.copy().values():
                if not mine.lock.acquire(False):
                    self.closed = False
                    break
                taken.append(mine)
            else:
                self._slots = {}
            return self.closed
        finally:
            for mine in taken:
                mine.lock.release()

    def busy(self, slot: int) -> bool:
        """Whether anybody holds the slot."""
        mine = self._slots.get(slot)
        if mine is not None and mine.lock.locked():
            return True
        return self._files is not None and self._files.busy(slot)

    def holder(self, slot: int) -> Holder | None:
        """Who holds a slot, as far as the table tells."""
        found, pid, thread, since, _ = self._row(slot)
        return Holder(socket.gethostname(), pid, thread, since) if found == slot else None

    @contextmanager
    def waiting(self, slot: int, held: dict[int, bytes]) -> Iterator[None]:
        """Let the table say that whoever holds `held` waits for `slot`."""
        self._tell(held, slot)
        try:
            yield
        finally:
            self._tell(held, 0)

    def timeout(
        self, key: bytes, timeout: float, held: dict[int, bytes], holder: Holder | None = None
    ) -> LockTimeout:
        """The error for a wait for `key` that was too long.

        Args:
            key: what was waited for.
            timeout: how long, in seconds.
            held: what the caller holds, by slot.
            holder: who has it, if somebody knows better than the table.
        """
        slot = self.slot(key)
        holder = holder or self.holder(slot)
        wanted = held.get(self._row(slot)[4]) if holder else None
        return too_late(key, timeout, holder, wanted)

    def _await_thread(self, slot: int, deadline: float) -> _Slot | None:
        """The slot with its in-process lock taken, or None when the deadline came first."""
        while True:
            mine = self._slots.get(slot) or self._new(slot)
            if not mine.lock.acquire(timeout=max(0.0, deadline - _monotonic())):
                return None
            if self._slots.get(slot) is mine:
                return mine
            mine.lock.release()

    def _await_process(self, mine: _Slot, deadline: float) -> bool:
        """Try for another process's lock until it is ours; if it is not, let go of our own.

        Processes that try now and then would lose for ever against one whose threads hand the lock
        on among themselves. So who has waited for `_PATIENCE` takes the turn, a second lock, and
        says so in the table: whoever comes then queues for the turn first.
        """
        taken = False
        patient = min(deadline, _monotonic() + _PATIENCE)
        try:
            taken = not self._table[mine.queued] and _poll(mine.take, patient)
            if not taken and _poll(mine.take_turn, deadline):
                try:
                    self._table[mine.queued] = 1
                    taken = _poll(mine.take, deadline)
                finally:  # of a row that slots share, another may lose its place: it tries on
                    self._table[mine.queued] = 0
                    mine.free_turn()
        finally:
            if not taken:
                mine.lock.release()
        return taken

    def _new(self, slot: int) -> _Slot:
        """A slot for the first time; when there are many, those that nobody holds are dropped."""
        if self.closed:
            raise Closed
        if len(self._slots) >= _KEPT:
            for number, old in self._slots.copy().items():
                if old.lock.acquire(False):
                    if self._slots.get(number) is old:  # its lock is ours: nobody else drops it
                        del self._slots[number]
                    old.lock.release()
        made = self._slots.setdefault(slot, _Slot(self._files, slot))
        if self.closed:  # which looks at the slots only after it has said so
            raise Closed
        return made

    def _row(self, slot: int) -> tuple[int, int, int, float, int]:
        return _ROW.unpack_from(self._table, slot % _ROWS * _ROW_SIZE)

    def _tell(self, held: dict[int, bytes], wanted: int) -> None:
        for slot in held:
            found, pid, thread, since, _ = self._row(slot)
            if found == slot:
                _put(self._table, slot % _ROWS * _ROW_SIZE, slot, pid, thread, since, wanted)
