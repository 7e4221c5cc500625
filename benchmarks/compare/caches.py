"""The caches that are compared, each set up as its own manual has it."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import cashews
import diskcache  # type: ignore[import-untyped]
import flask_caching
import redis
from dogpile.cache import make_region
from dogpile.cache.api import NO_VALUE

import flask
from benchmarks.compare.calls import STALE_TTL, Calls, Create, Place
from instep import Space
from instep.objects.kinds import CACHE
from instep.races.servers import HOST

T = TypeVar("T")

TTL = 60  # seconds; longer than any question takes


def ours(place: Place) -> Calls:
    """instep on its embedded store."""
    space = Space(f"lmdb:{place.folder}/instep?durability=none")
    cache = space.cache("compare", ttl=TTL)
    stale = space.cache("stale", ttl=STALE_TTL, stale=TTL)
    early = space.cache("early", ttl=STALE_TTL, early=1.0)

    def plant(key: str, data: bytes) -> None:
        full = cache._shelf.key(key)
        space.opened().store.update(full, lambda old: (CACHE + data, None), 10)

    return Calls(
        get=cache.get,
        set=cache.set,
        delete=cache.delete,
        fetch=cache.get_or_create,
        stale=stale.get_or_create,
        early=early.get_or_create,
        increment=lambda key: cache.compute(key, lambda old: old + 1, 0),
        add=cache.add,
        tagged=lambda key, value, tag: cache.set(key, value, tags=(tag,)),
        drop=cache.delete_tag,
        plant=plant,
    )


def flask_caching_redis(place: Place) -> Calls:
    """Flask-Caching with its RedisCache."""
    options = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": f"redis://{HOST}:{place.redis}/0"}
    client = redis.Redis(HOST, place.redis)
    calls, _ = _flask_caching(options)
    calls.plant = lambda key, data: client.set(f"fc:{key}", b"!" + data)
    return calls


def flask_caching_files(place: Place) -> Calls:
    """Flask-Caching with its FileSystemCache."""
    options = {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": f"{place.folder}/flask-caching"}
    calls, backend = _flask_caching(options)

    def plant(key: str, data: bytes) -> None:
        backend.set(key, 1)
        file = Path(backend._get_filename(key))
        file.write_bytes(file.read_bytes()[:4] + data)  # after the time when it ends

    calls.plant = plant
    return calls


def _flask_caching(options: dict[str, Any]) -> tuple[Calls, Any]:
    app = flask.Flask("compare")
    cache = flask_caching.Cache(app, config={**options, "CACHE_KEY_PREFIX": "fc:"})
    app.app_context().push()
    backend: Any = cache.cache  # which, unlike the proxy, has inc, and works in every thread

    def fetch(key: str, create: Create) -> Any:
        with app.app_context():
            return cache.cached(timeout=TTL, key_prefix=key)(create)()

    calls = Calls(
        get=backend.get,
        set=backend.set,
        delete=backend.delete,
        fetch=fetch,
        increment=backend.inc,
        add=backend.add,
    )
    return calls, backend


def dogpile(place: Place) -> Calls:
    """dogpile.cache on Redis, with the lock of that."""
    where = {
        "host": HOST,
        "port": place.redis,
        "distributed_lock": True,
        "thread_local_lock": False,
    }
    region = make_region().configure("dogpile.cache.redis", expiration_time=TTL, arguments=where)
    brief = make_region("brief").configure(
        "dogpile.cache.redis", expiration_time=STALE_TTL, arguments=where
    )
    client = redis.Redis(HOST, place.redis)

    def get(key: str) -> Any:
        value = region.get(key)
        return None if value is NO_VALUE else value

    return Calls(
        get=get,
        set=region.set,
        delete=region.delete,
        fetch=region.get_or_create,
        stale=brief.get_or_create,
        plant=lambda key, data: client.set(key, b'{"v": 2, "ct": 9999999999.0}|' + data),
    )


def cashews_redis(place: Place) -> Calls:
    """cashews on Redis. It is asynchronous: threads give what they want done to one event loop."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    cache = cashews.Cache()
    cache.setup(f"redis://{HOST}:{place.redis}/1")

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    def fetching(decorator: Callable[[str], Any]) -> Callable[[str, Create], Any]:
        decorated: dict[str, Any] = {}
        creates: dict[str, Create] = {}

        def fetch(key: str, create: Create) -> Any:
            async def made() -> Any:
                return await asyncio.to_thread(creates[key])

            creates[key] = create
            if key not in decorated:
                decorated[key] = decorator(key)(made)
            return run(decorated[key]())

        return fetch

    client = redis.Redis(HOST, place.redis, db=1)
    return Calls(
        get=lambda key: run(cache.get(key)),
        set=lambda key, value: run(cache.set(key, value, expire=TTL)),
        delete=lambda key: run(cache.delete(key)),
        fetch=fetching(lambda key: cache(ttl=TTL, key=key, lock=True)),
        stale=fetching(lambda key: cache.early(ttl=TTL, early_ttl=STALE_TTL, key=key)),
        early=fetching(lambda key: cache.early(ttl=2 * STALE_TTL, early_ttl=STALE_TTL, key=key)),
        increment=lambda key: run(cache.incr(key)),
        add=lambda key, value: run(cache.set(key, value, exist=False)),
        tagged=lambda key, value, tag: run(cache.set(key, value, tags=(tag,))),
        drop=lambda tag: run(cache.delete_tags(tag)),
        plant=lambda key, data: client.set(key, data),
    )


def disk(place: Place) -> Calls:
    """diskcache, with the barrier between two memoize that its case study recommends."""
    cache = diskcache.Cache(f"{place.folder}/diskcache")

    def fetch(key: str, create: Create) -> Any:
        inner = cache.memoize(expire=TTL, name=key)(create)
        barred = diskcache.barrier(cache, diskcache.Lock, name=f"lock {key}")(inner)
        return cache.memoize(expire=TTL, name=key)(barred)()

    def plant(key: str, data: bytes) -> None:
        cache.set(key, ["a list, so that it is pickled"])
        cache._sql("UPDATE Cache SET value = ? WHERE key = ?", (data, key))

    return Calls(
        get=cache.get,
        set=lambda key, value: cache.set(key, value, expire=TTL),
        delete=cache.delete,
        fetch=fetch,
        early=lambda key, create: diskcache.memoize_stampede(cache, STALE_TTL, name=key)(create)(),
        increment=cache.incr,
        add=cache.add,
        tagged=lambda key, value, tag: cache.set(key, value, tag=tag),
        drop=cache.evict,
        plant=plant,
    )


CACHES: dict[str, Callable[[Place], Calls]] = {
    "instep": ours,
    "Flask-Caching, Redis": flask_caching_redis,
    "Flask-Caching, files": flask_caching_files,
    "dogpile.cache, Redis": dogpile,
    "cashews, Redis": cashews_redis,
    "diskcache": disk,
}


class Poison:
    """Unpickling it makes a file: what a pickle in a store can make of its reader.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def poison(path: Path) -> bytes:
    """A pickle that runs code."""
    return pickle.dumps(Poison(path))
