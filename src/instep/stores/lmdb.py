"""The embedded store: LMDB in a folder, for every thread and process of one machine.

How it stays right. A commit is one LMDB write transaction that compares the versions it loaded;
LMDB's robust mutex hands over what a killed writer held. Holds are kernel-released locks (`holds`).
An update looks, inside its write transaction, whether somebody holds the key and waits if so; a
hold of a key that is also updated loads it inside a write transaction; so neither can slip in
between the other's load and commit. Forks, growth and closing are the `environment`'s; the
machine's death is `checkpoint`'s.
"""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from lmdb import Transaction

from ..errors import Misuse, StoreError
from . import process
from .address import FRESH, Address
from .base import Change, Engine, Hold, Powers, Record, Store, T
from .checkpoint import Durability
from .environment import Environment, fetch
from .forgetting import Forgetting
from .holds import Closed
from .local import LocalHold, unheld
from .membership import FORMAT_KEY
from .record import PREFIX, SHORT, data_of, full_key, live, shorten, successor


class LmdbStore(Store):
    """Keeps records in an LMDB file.

    Args:
        folder: where; made if missing, mode 0700, with files of mode 0600.
        durability: when a commit reaches the disk.
    """

    powers = Powers(several=True, durable=True, machines=False, leases=False)

    def __init__(self, folder: Path, durability: Durability = Durability.CHECKPOINT) -> None:
        self.url = f"lmdb:{folder}"
        self._environment = Environment(folder, durability)
        self._forgetting = Forgetting(self._environment)

    @property
    def durability(self) -> Durability:
        """When a commit reaches the disk."""
        return self._environment.durability

    @property
    def closed(self) -> bool:
        """Whether this process has let go of the files, or has not touched them yet."""
        return self._environment.closed

    def read(self, key: bytes) -> Record | None:
        if not process.here[0]:
            process.settle()
        raw, _ = self._environment.get(key if 0 < len(key) <= SHORT else shorten(key))
        return None if raw is None else live(raw)

    def hold(self, keys: Collection[bytes], timeout: float, *, lease: float | None = None) -> Hold:
        environment = self._environment
        while True:
            try:
                return LmdbHold(environment, environment.holds(), keys, timeout)
            except Closed:  # by another thread; the store opens again
                pass

    def update(
        self,
        key: bytes,
        change: Change[T],
        timeout: float,
        *,
        expires: float | None = None,
        version: int | None = None,
    ) -> T:
        environment, stored = self._environment, shorten(key)
        holds = environment.holds()
        slot = holds.slot(key)

        def unless_held(txn: Transaction) -> tuple[bool, T | None]:
            if not environment.uses(holds) or holds.busy(slot):
                return False, None
            return True, _apply(txn, key, stored, change, expires, version)

        done, result = environment.write(unless_held)
        if not done:
            with self.hold((key,), timeout):
                result = environment.write(
                    lambda txn: _apply(txn, key, stored, change, expires, version)
                )
        if expires:
            self._forgetting.after_write()
        return result  # type: ignore[return-value]

    def scan(
        self, prefix: bytes, after: bytes | None = None, limit: int = 1000
    ) -> list[tuple[bytes, Record]]:
        start = prefix[:PREFIX]
        behind = shorten(after) if after is not None else None

        def page(txn: Transaction) -> list[tuple[bytes, Record]]:
            found: list[tuple[bytes, Record]] = []
            cursor = txn.cursor()
            if not cursor.set_range(max(start, behind) if behind else start):
                return found
            pairs: Iterator[tuple[bytes, bytes]] = cursor.iternext(keys=True, values=True)  # type: ignore[assignment]
            for stored, raw in pairs:
                if not stored.startswith(start) or len(found) == limit:
                    break
                if stored in (behind, FORMAT_KEY):
                    continue
                key, record = full_key(stored, raw), live(raw)
                if record is not None and key.startswith(prefix):
                    found.append((key, record))
            return found

        return self._environment.read(page)

    def close(self, patience: float = 10.0) -> None:
        self._environment.close(patience)


class LmdbHold(LocalHold[Environment]):
    """Held keys of an environment."""

    __slots__ = ()

    def load(self, key: bytes, *, updated: bool = False) -> bytes | None:
        stored = key if len(key) <= SHORT else shorten(key)
        if updated:
            raw, txid = self._place.write(lambda txn: (fetch(txn, stored), txn.id() - 1))
        else:
            raw, txid = self._place.get(stored)
        self._seen[key] = stored, raw, txid
        return None if raw is None else data_of(raw)

    def _write(self, changes: Mapping[bytes, bytes | None]) -> None:
        if not changes:
            return
        seen = self._seen

        def write(txn: Transaction) -> None:
            for key, data in changes.items():
                stored, raw, txid = seen[key]
                # Nothing to compare if this transaction follows the one that was read: ids grow by
                # one with each commit that wrote, and what was aborted or empty uses none up.
                if txn.id() != txid + 1 and not _same(fetch(txn, stored), raw):
                    raise unheld(key)
                if data is None:
                    txn.delete(stored)
                else:
                    txn.put(stored, successor(key, raw, data))

        self._place.write(write)


def _same(raw: bytes | None, seen: bytes | None) -> bool:
    """Whether a record is what was seen; that an expired one was forgotten is no change."""
    return raw == seen or (raw is None and seen is not None and data_of(seen) is None)


def _apply(
    txn: Transaction,
    key: bytes,
    stored: bytes,
    change: Change[T],
    expires: float | None,
    version: int | None,
) -> T:
    raw = fetch(txn, stored)
    old = None if raw is None else data_of(raw)
    new, result = change(old)
    if new is None:
        if raw is not None:
            txn.delete(stored)
    elif new is not old or expires is not None:
        txn.put(stored, successor(key, raw, new, expires, version))
    return result


_stores: dict[Path, LmdbStore] = {}


def lmdb_store(folder: Path, durability: Durability) -> LmdbStore:
    """The process's store for a folder: LMDB must not open a file twice in one process."""
    folder = folder.expanduser().resolve()
    store = _stores.get(folder)
    if store is None:
        store = _stores.setdefault(folder, LmdbStore(folder, durability))
    if store.durability is not durability and store.closed:
        store = _stores[folder] = LmdbStore(folder, durability)
    if store.durability is not durability:
        raise Misuse(
            f"{folder} is in use in this process with durability={store.durability.value}, "
            f"and is asked for with {durability.value}: use one URL for one store"
        )
    return store


def _close_all() -> None:
    for store in _stores.copy().values():
        with suppress(StoreError):  # a thread that still holds something: as if it were killed
            store.close(patience=0.5)


atexit.register(_close_all)


def engine(url: str) -> Engine:
    """The engine of an embedded store.

    Args:
        url: `lmdb:PATH`, with `?durability=` if it is not `checkpoint`.

    Raises:
        Misuse: it has no path, or a host, or an option that is not known.
    """
    path, _, query = url.partition(":")[2].partition("?")
    address = Address("lmdb", path=unquote(path), options=dict(parse_qsl(query)), shown=url)
    if not address.path or "\0" in address.path:
        raise Misuse("lmdb: needs a path, the folder of the store: lmdb:PATH")
    host = re.match("//([^/]+)", address.path)
    if host:
        raise Misuse(
            f"{url}: behind two slashes a URL has a host, and this store is in a folder of this "
            f"machine: write lmdb:{address.path[2:]} for one below the working directory, or "
            f"lmdb:{address.path[1:]}"
        )
    address.allow("durability")
    durability = address.options.get("durability", Durability.CHECKPOINT.value)
    if durability not in set(Durability):
        known = ", ".join(Durability)
        raise Misuse(f"durability={durability!r} is not known: one of {known}")
    folder = Path(address.path).expanduser().absolute()
    if fresh := os.environ.get(FRESH):
        folder = Path(fresh) / sha256(os.fsencode(folder)).hexdigest()[:16]
    return Engine(url, LmdbStore.powers, partial(lmdb_store, folder, Durability(durability)))
