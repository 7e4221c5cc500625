"""The store contract: five verbs over bytes, the same on every engine.

How it stays right. Whoever changes a key either *holds* it (`hold`, for bodies of any length) or
changes it in one step of the store's own (`update`, for short pure functions); the two exclude each
other. A hold orders the callers and bounds their wait; truth rests on the comparison that every
commit makes: a key whose version is no longer the one that was loaded is a `Conflict`, and then
nothing is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

T = TypeVar("T")

Change = Callable[[bytes | None], tuple[bytes | None, T]]
"""Old bytes (None: no record) -> new bytes (None: no record; the same object: no write), result.

It runs inside the store: short, pure, never waiting, and it may run more than once.
"""


class Record(NamedTuple):
    """What a store keeps under a key.

    Args:
        version: 1 at creation, +1 per commit.
        txid: the transaction that wrote it, a 64-bit number.
        expires: seconds since the epoch, or 0.0 for never. An expired record is read as none, and
            forgotten by and by (see `Store`).
        data: the bytes.
    """

    version: int
    txid: int
    expires: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Powers:
    """What an engine can do beyond one key at a time; checked when an object is declared.

    Args:
        several: several keys in one commit, both or neither.
        durable: what was committed outlives the processes.
        machines: machines may share it.
        leases: a hold ends by itself when its holder is silent for too long.
        listing: it can say which keys it has, in order.
        volatile: it may forget any record at any time.
    """

    several: bool
    durable: bool
    machines: bool
    leases: bool
    listing: bool = True
    volatile: bool = False


class Hold(ABC):
    """Exclusive right to some keys, from `Store.hold` until `release`."""

    __slots__ = ()

    @abstractmethod
    def extend(self, keys: Iterable[bytes], timeout: float) -> None:
        """Hold more keys.

        Args:
            keys: those held already are passed over.
            timeout: the longest wait, in seconds.

        Raises:
            LockTimeout: somebody else held one of them; those held before are still held.
        """

    @abstractmethod
    def load(self, key: bytes, *, updated: bool = False) -> bytes | None:
        """Read the data of a held key as it is now, or None.

        Args:
            key: one of the held keys.
            updated: the key is one that `Store.update` writes too, so an update that is under way
                is waited for.
        """

    @abstractmethod
    def commit(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write all of the changes or none, and let go of every key.

        Args:
            changes: new bytes by key, or None to delete. Each key was loaded through this hold.
                If it is empty, the commit says whether the hold lasted until now.

        Raises:
            Conflict: a key is no longer what was loaded; nothing was written.
            LeaseLost: the hold ended before, by itself; nothing was written.
            StoreError: the store could not write; nothing was written.
        """

    @abstractmethod
    def release(self) -> None:
        """Let go of every key; after a commit or a release it does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class Store(ABC):
    """Keeps a version, an expiry and bytes under a key.

    Args of the verbs: `key` is 1 to 4,096 bytes; `timeout` is in seconds.

    An expired record is forgotten by and by: at the latest while others with an expiry are written,
    so that records under ever new keys do not fill the store. Nobody notices. Whoever holds a
    record that expired gets no `Conflict` because it is gone, and nobody waits for the forgetting,
    or gets its errors. The record that follows a forgotten one may have version 1.
    """

    __slots__ = ("__weakref__",)

    url: str
    powers: Powers

    @abstractmethod
    def read(self, key: bytes) -> Record | None:
        """The last committed record, or None; waits for nobody."""

    @abstractmethod
    def hold(self, keys: Collection[bytes], timeout: float, *, lease: float | None = None) -> Hold:
        """Hold keys exclusively, taken in one global order so that two callers cannot deadlock.

        Args:
            keys: which.
            timeout: the longest wait, in seconds.
            lease: where holds end by themselves, seconds for which this one may outlive its
                process; None for the store's own. Whoever wants these keys says the same.

        Raises:
            LockTimeout: somebody else held one of them for longer than `timeout`; none is held.
        """

    @abstractmethod
    def update(
        self,
        key: bytes,
        change: Change[T],
        timeout: float,
        *,
        expires: float | None = None,
        version: int | None = None,
    ) -> T:
        """Change one key in a single step of the store.

        Args:
            key: the key.
            change: see `Change`.
            timeout: the longest wait for somebody who holds the key.
            expires: seconds since the epoch, 0.0 for never, None to leave it as it is.
            version: of the record that is written; None for the next one. For copies.

        Returns:
            The result that `change` gave with the bytes that were written.

        Raises:
            LockTimeout: somebody held the key; nothing was written.
        """

    @abstractmethod
    def scan(
        self, prefix: bytes, after: bytes | None = None, limit: int = 1000
    ) -> list[tuple[bytes, Record]]:
        """One page of the records whose key begins with `prefix`, in the store's order.

        Args:
            prefix: may be empty.
            after: only keys behind this one; it need not exist. The last key of the page before.
            limit: the page's size; a shorter page is the last.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections; a later call on the store opens it again."""


class Engine(NamedTuple):
    """A store that can be opened.

    Args:
        url: its URL, without secrets.
        powers: what it can do.
        open: opens it; files and connections are touched at its first use.
    """

    url: str
    powers: Powers
    open: Callable[[], Store]
