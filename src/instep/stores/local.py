"""A hold on a store that lives on this machine; shared by the memory and the LMDB store."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Generic, TypeVar

from ..errors import Conflict, LockTimeout, Misuse
from . import process
from .base import Hold
from .holds import Holds
from .keys import readable

S = TypeVar("S")


class LocalHold(Hold, Generic[S]):
    """Keys held through `Holds`; a store adds how it loads and writes.

    Args:
        place: what the store loads from and writes to.
        holds: takes and frees.
        keys: what to hold to begin with; all of them or none.
        timeout: the longest wait for each, in seconds.
    """

    __slots__ = ("_era", "_held", "_holds", "_place", "_seen")

    def __init__(self, place: S, holds: Holds, keys: Collection[bytes], timeout: float) -> None:
        self._held: dict[int, bytes] = {}
        self._place = place
        self._holds = holds
        self._seen: dict[bytes, Any] = {}  # what was loaded, for the comparison at the commit
        self._era = process.era
        if len(keys) == 1:  # the usual call, spared of sorting and of looking at what is held
            [key] = keys
            slot = holds.slot(key)
            if not holds.take(slot, timeout):
                raise self._late(key, timeout)
            self._held = {slot: key}
        else:
            try:
                self.extend(keys, timeout)
            except BaseException:
                self.release()
                raise

    @abstractmethod
    def _write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Compare with what was seen, and write all of it or nothing."""

    def extend(self, keys: Iterable[bytes], timeout: float) -> None:
        holds, held, deadline = self._holds, self._held, time.monotonic() + timeout
        for slot, key in sorted((holds.slot(key), key) for key in keys):
            if slot in held:
                continue
            left = max(0.0, deadline - time.monotonic())
            if not (holds.take(slot, 0) or self._wait(slot, left)):
                raise self._late(key, timeout)
            held[slot] = key

    def commit(self, changes: Mapping[bytes, bytes | None]) -> None:
        if not process.here[0]:
            process.settle()
        if self._era is not process.era:
            raise Misuse(
                "a process was forked inside a transaction, and its child came to the end of it: "
                "the parent has the hold, and commits; leave the child with os._exit"
            )
        try:
            self._write(changes)
        finally:
            held, self._held = self._held, {}
            for slot in held:
                self._holds.free(slot)

    def release(self) -> None:
        if not process.here[0]:
            process.settle()
        held, self._held = self._held, {}
        if self._era is process.era:  # in a child they are the parent's
            for slot in held:
                self._holds.free(slot)

    def _late(self, key: bytes, timeout: float) -> LockTimeout:
        """The error for a key that somebody else kept."""
        return self._holds.timeout(key, timeout, self._held)

    def _wait(self, slot: int, timeout: float) -> bool:
        with self._holds.waiting(slot, self._held):
            return self._holds.take(slot, timeout)


def unheld(key: bytes) -> Conflict:
    """The error for a record that is not what was loaded."""
    return Conflict(f"{readable(key)} was changed by somebody who did not hold it; call again")
