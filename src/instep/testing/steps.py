"""What the tests of the contract do with a store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ..errors import Misuse
from ..stores.base import Change, Store

LONG = 10.0  # seconds; a wait that a test expects to end by itself


def put(data: bytes | None) -> Change[None]:
    """A change that writes `data`, whatever was there; None deletes."""
    return lambda old: (data, None)


def add_one(old: bytes | None) -> tuple[bytes, int]:
    """A change that counts."""
    number = int(old or b"0") + 1
    return b"%d" % number, number


def data(store: Store, key: bytes) -> bytes | None:
    """What a read gives, without its header."""
    record = store.read(key)
    return record.data if record else None


def expiry(store: Store, key: bytes) -> float | None:
    """When a record expires."""
    record = store.read(key)
    return record.expires if record else None


def replace(store: Store, key: bytes, new: bytes | None) -> None:
    """Write by a hold."""
    with store.hold((key,), LONG) as hold:
        hold.load(key)
        hold.commit({key: new})


def pages(store: Store, prefix: bytes, limit: int) -> Iterator[list[bytes]]:
    """The keys of a scan, page by page, until one is shorter than the limit."""
    after: bytes | None = None
    while True:
        page = [key for key, _ in store.scan(prefix, after, limit)]
        assert len(page) <= limit
        yield page
        if len(page) < limit:
            return
        after = page[-1]


@contextmanager
def held(store: Store, key: bytes) -> Iterator[int]:
    """Let another thread hold a key; its identifier."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> int:
        with store.hold((key,), LONG):
            taken.set()
            done.wait(LONG)
            return threading.get_ident()

    with ThreadPoolExecutor(1) as pool:
        ident = pool.submit(threading.get_ident).result(LONG)
        future = pool.submit(hold)
        try:
            assert taken.wait(LONG)
            yield ident
        finally:
            done.set()
            future.result(LONG)


def refuses_listing(store: Store) -> bool:
    """Whether a store cannot list its keys; then it must say so."""
    if store.powers.listing:
        return False
    with pytest.raises(Misuse):
        store.scan(b"")
    return True


def refuses_several(store: Store) -> bool:
    """Whether a store has one key in a commit; then it must say so before it holds anything."""
    if store.powers.several:
        return False
    with pytest.raises(Misuse):
        store.hold((b"a", b"b"), LONG)
    store.hold((b"a",), 0).release()
    return True
