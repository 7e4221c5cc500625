"""cashews, which is called by tasks of an event loop where the others are called by threads."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain

import cashews

from benchmarks.caches.peers import Cache, Fetch, Go, Where
from benchmarks.caches.source import Source, Value

BATCH = 100
"""Calls for one entry of the loop, so that it is cashews that is timed."""

Later = Callable[[str], Awaitable[object]]


class Tasks:
    """Tasks of one event loop that call a cache.

    Args:
        runner: of the loop.
        ways: what they may call, by name.
    """

    def __init__(self, runner: asyncio.Runner, ways: dict[str, Later]) -> None:
        self.runner = runner
        self.ways = ways

    def rush(self, way: str, key: str, count: int, go: Go) -> list[object]:
        """As of `Threads`."""
        call = self.ways[way]

        async def together() -> list[object]:
            go()  # nobody is on this loop yet
            calls = (call(key) for _ in range(count))
            return list(await asyncio.gather(*calls, return_exceptions=True))

        return self.runner.run(together())

    def stream(self, way: str, key: str, count: int, pause: float, end: float) -> list[float]:
        """As of `Threads`."""
        call, now = self.ways[way], time.monotonic

        async def caller() -> list[float]:
            waits: list[float] = []
            while (asked := now()) < end:
                await call(key)
                waits.append(now() - asked)
                await asyncio.sleep(pause)
            return waits

        async def together() -> list[list[float]]:
            return await asyncio.gather(*(caller() for _ in range(count)))

        return list(chain.from_iterable(self.runner.run(together())))


@contextmanager
def tasks(where: Where, source: Source) -> Iterator[Cache]:
    """cashews on Redis: its cache with a lock, and the one with early renewal."""
    cache = cashews.Cache()
    cache.setup(f"{where.redis}/4")

    @cache(ttl=where.ttl, key="lock:{key}", lock=True)
    async def locked(key: str) -> Value:
        return await source.make_later(key)

    @cache.early(ttl=where.ttl, key="early:{key}")
    async def early(key: str) -> Value:
        return await source.make_later(key)

    ways: dict[str, Later] = {"cache(lock=True)": locked, "early": early}
    with asyncio.Runner() as runner:

        def put(key: str, value: Value) -> None:
            runner.run(cache.set(key, value, expire=where.ttl))

        def get(call: Later, key: str) -> object:
            return runner.run(_repeat(call, key))

        fetches: dict[str, Fetch] = {name: partial(get, call) for name, call in ways.items()}
        yield Cache(put, partial(get, cache.get), fetches, BATCH, Tasks(runner, ways))
        runner.run(cache.close())


async def _repeat(call: Later, key: str) -> object:
    found: object = None
    for _ in range(BATCH):
        found = await call(key)
    return found
