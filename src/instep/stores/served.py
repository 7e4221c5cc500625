"""A hold on a server: first among the threads of this process, then among all who use the server.

The local queue comes first because it is cheap: of many threads that want one key only one waits at
the server and keeps a connection busy, the others wait here. It decides nothing: exclusion is the
server's, and truth is the comparison that the commit makes there.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..errors import Holder, LockTimeout
from . import process
from .holds import Holds, too_late
from .local import LocalHold, S


class ServedHold(LocalHold[S]):
    """Keys held through the local queue and then on a server; a store adds the server's part.

    Args:
        place: what the store loads from and writes to.
        holds: the local queue, `Holds(bytearray(TABLE_SIZE), None)`, one for a store in a process.
        keys: what to hold to begin with; all of them or none.
        timeout: the longest wait, in seconds.
        lease: as in `Store.hold`.
    """

    __slots__ = ("_lasting",)

    def __init__(
        self,
        place: S,
        holds: Holds,
        keys: Collection[bytes],
        timeout: float,
        lease: float | None = None,
    ) -> None:
        deadline = time.monotonic() + timeout
        self._lasting = lease
        self._prepare()
        super().__init__(place, holds, keys, timeout)
        if len(keys) == 1:  # several have come through `extend`
            self._ask(list(self._held), deadline, timeout)

    def extend(self, keys: Iterable[bytes], timeout: float) -> None:
        deadline, before = time.monotonic() + timeout, set(self._held)
        try:
            super().extend(keys, timeout)
        except BaseException:
            self._free([slot for slot in self._held if slot not in before])
            raise
        fresh = [slot for slot in self._held if slot not in before]
        if fresh:
            self._ask(fresh, deadline, timeout)

    def release(self) -> None:
        try:
            if self._held and self._era is process.era:
                self._abandon()
        finally:
            super().release()

    def _write(self, changes: Mapping[bytes, bytes | None]) -> None:
        try:
            self._send(changes)
        except BaseException:
            self._abandon()
            raise

    def _ask(self, slots: list[int], deadline: float, timeout: float) -> None:
        """Hold on the server what is held here; let go here of what cannot be had there."""
        try:
            busy = self._take([self._held[slot] for slot in slots], deadline)
            if busy is not None:
                raise self._late(busy, timeout)
        except BaseException:
            self._free(slots)
            raise

    def _free(self, slots: Iterable[int]) -> None:
        for slot in slots:
            del self._held[slot]
            self._holds.free(slot)

    def _late(self, key: bytes, timeout: float) -> LockTimeout:
        holder = self._holder(key)
        if holder is None and self._holds.slot(key) in self._held:  # the table says: this caller
            return too_late(key, timeout, None, None)
        return self._holds.timeout(key, timeout, self._held, holder)

    @abstractmethod
    def _prepare(self) -> None:
        """Set the store's own attributes, before anything is held."""

    @abstractmethod
    def _take(self, keys: Sequence[bytes], deadline: float) -> bytes | None:
        """Hold these keys on the server, all or none, in this order.

        Args:
            keys: none of which this hold has; in the one global order.
            deadline: of `time.monotonic`; at least one try is made.

        Returns:
            None, or the key that somebody else kept until the deadline.
        """

    @abstractmethod
    def _abandon(self) -> None:
        """Let go on the server of all that is held there, if anything is; does not raise."""

    @abstractmethod
    def _holder(self, key: bytes) -> Holder | None:
        """Who has a key on the server, if that can be told; does not raise."""

    @abstractmethod
    def _send(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Compare, write all of it or nothing, and let go of every key on the server.

        If it raises, `_abandon` is called.
        """
