"""Callers that are threads, as in a Flask program: all at once, or one call after the other."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from benchmarks.caches.peers import Fetch, Go

PATIENCE = 60.0  # seconds for all callers to be there


class Threads:
    """Threads of this process that call a cache.

    Args:
        ways: what they may call, by name.
    """

    def __init__(self, ways: dict[str, Fetch]) -> None:
        self.ways = ways

    def rush(self, way: str, key: str, count: int, go: Go) -> list[object]:
        """So many that want one key at once: what each of them got, a value or its error."""
        door, fetch = threading.Barrier(count + 1), self.ways[way]

        def caller(_: int) -> object:
            door.wait(PATIENCE)
            try:
                return fetch(key)
            except Exception as error:
                return error

        with ThreadPoolExecutor(count) as pool:
            answers = pool.map(caller, range(count))
            go()
            door.wait(PATIENCE)
            return list(answers)

    def stream(self, way: str, key: str, count: int, pause: float, end: float) -> list[float]:
        """So many that ask for one key again and again: the seconds that each call took.

        Args:
            way: what they call.
            key: what for.
            count: how many they are.
            pause: seconds between the calls of one.
            end: until when they go on, by the monotonic clock.
        """
        fetch, now = self.ways[way], time.monotonic

        def caller(_: int) -> list[float]:
            waits: list[float] = []
            while (asked := now()) < end:
                fetch(key)
                waits.append(now() - asked)
                time.sleep(pause)
            return waits

        with ThreadPoolExecutor(count) as pool:
            return list(chain.from_iterable(pool.map(caller, range(count))))
