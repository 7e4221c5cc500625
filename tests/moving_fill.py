"""A store with some of everything in it, for the tests of moving."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from instep import Space
from instep.stores.base import Record, Store

LONG = 10.0  # seconds


class Cart:
    """A shared class that the one who moves does not know."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def add(self, item: Any) -> None:
        """Change the state."""
        self.items.append(item)


def fill(space: Space) -> None:
    """One of each kind, with keys and values of each sort."""
    space.share("cart", Cart).add(("tea", Decimal("1.50"), datetime(2026, 1, 31, tzinfo=UTC)))
    family = space.family("carts", Cart)
    for key in ("user-7", 7, ("a", 1), b"raw", "läuft"):
        family[key].add({1: {2, 3}})
    stock = space.mapping("stock")
    for key in ("tea", "", 1.5, None, "x" * 4000):
        stock[key] = [float("inf"), -(10**40), b"\0", {"$tuple": 1}]
    counter = space.counter("tickets", start=100)
    for _ in range(3):
        counter.increment()
    space.counter("large").reset(-(2**70))
    space.value("rate").set(float("nan"))
    space.value("text").set("é" * 500_000)
    for _ in range(2):
        with space.lock("nightly"):
            pass


def odd(store: Store) -> None:
    """Records that no object of ours has made, and expiries."""
    for key, data in (
        (b"\xff\xfe", b"\xff"),
        (b"empty", b""),
        (b"n" * 4096, b"vx"),
        (b"name\0", b"v\xc0"),
        (b"name\0s\xff", b"e\xc1"),
        (b"name\0q", b"o\x90"),
        (b"control\x01", b"c"),
        (b"counter", b"cZZ"),
        (b"counter2", b"c00ff"),
    ):
        store.update(key, lambda old, data=data: (data, None), LONG)
    later = time.time() + 1000.123456
    store.update(b"later", lambda old: (b"c1", None), LONG, expires=later, version=41)
    store.update(b"soon", lambda old: (b"c1", None), LONG, expires=time.time() + 0.001)


def records(store: Store, prefix: bytes = b"") -> dict[bytes, Record]:
    """All of the records of a store, but for their transaction ids."""
    found: dict[bytes, Record] = {}
    after: bytes | None = None
    while page := store.scan(prefix, after):
        found |= {key: record._replace(txid=0) for key, record in page}
        after = page[-1][0]
    return found


def put(store: Store, key: bytes, data: bytes | None, version: int | None = None) -> None:
    """Write a record."""
    store.update(key, lambda old: (data, None), LONG, version=version)
