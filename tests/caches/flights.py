"""Entries that have ended, and what is done while another thread makes a value."""

import threading
from collections.abc import Callable
from typing import Any

from actors import until
from instep.objects.cache import Cache


def old_enough(cache: Cache, key: str) -> None:
    """Wait until a value is no longer fresh."""
    until(lambda: key not in cache)


def ended(cache: Cache, key: str, value: object) -> None:
    """Keep a value, and wait until it is no longer fresh.

    Of one that has ended before it is stored nothing stays: on a machine that stalls it is set
    again.
    """

    def kept() -> bool:
        cache.set(key, value)
        return cache._shelf.read(cache._space.opened(), cache._shelf.key(key)) is not None

    until(kept)
    old_enough(cache, key)


def in_flight(cache: Cache, key: str, act: Callable[[], Any]) -> Any:
    """Do something while another thread makes a value; what that did."""
    making, go = threading.Event(), threading.Event()

    def create() -> str:
        making.set()
        assert go.wait(60)
        return "new"

    thread = threading.Thread(target=lambda: cache.get_or_create(key, create))
    thread.start()
    assert making.wait(60)
    try:
        return act()
    finally:
        go.set()
        thread.join(60)
