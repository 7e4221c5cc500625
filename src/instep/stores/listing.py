"""All that is in a store under a prefix, page by page."""

from __future__ import annotations

from collections.abc import Iterator

from .base import Record, Store


def everything(store: Store, prefix: bytes) -> Iterator[tuple[bytes, Record]]:
    """Keys and records whose key begins with `prefix`, in the store's order.

    What is made or deleted meanwhile is seen or not.
    """
    after: bytes | None = None
    while page := store.scan(prefix, after):
        yield from page
        after = page[-1][0]
