"""The caches of other libraries, each as its own manual would have it set up."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import diskcache  # type: ignore[import-untyped]
import flask_caching
import redis
from dogpile.cache import make_region
from dogpile.cache.api import NO_VALUE

from benchmarks.caches.source import Source, Value
from flask import Flask

Fetch = Callable[[str], object]
Go = Callable[[], object]
"""What those who are to begin at once call: it returns when all are there."""


class Callers(Protocol):
    """Those who call a cache; of most libraries they are threads."""

    def rush(self, way: str, key: str, count: int, go: Go) -> list[object]:
        """So many that want one key at once: what each of them got, a value or its error."""

    def stream(self, way: str, key: str, count: int, pause: float, end: float) -> list[float]:
        """So many that ask for one key until the end: the seconds that each call took."""


APP = Flask("caches")
"""The application of every cache that belongs to one."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where the caches are.

    Args:
        folder: for those that are kept in files.
        redis: the server's URL without the number of a database; nothing if there is none.
        ttl: seconds that every entry lives: longer than a measurement, unless it is about that.
    """

    folder: str
    redis: str
    ttl: int = 300


@dataclass(frozen=True, slots=True)
class Cache:
    """One library's cache in one process.

    Args:
        put: keep a value under a key.
        get: what is kept under a key.
        fetches: the ways to get what is kept, and to make and keep it if nothing is, by name.
        batch: how many calls one call of the above makes.
        callers: those who call `fetches`, where they are no threads.
    """

    put: Callable[[str, Value], object]
    get: Fetch
    fetches: dict[str, Fetch] = field(default_factory=dict)
    batch: int = 1
    callers: Callers | None = None


Open = Callable[[Where, Source], AbstractContextManager[Cache]]
"""Opens a cache in a process; what is not there is made by a source."""


@contextmanager
def plain(where: Where, source: Source) -> Iterator[Cache]:
    """A dictionary: right in one process, and forgets nothing."""
    table: dict[str, Value] = {}
    yield Cache(table.__setitem__, table.get)


@contextmanager
def bare(where: Where, source: Source) -> Iterator[Cache]:
    """redis-py and JSON, by hand: what a cache on Redis cannot do without."""
    with closing(redis.Redis.from_url(f"{where.redis}/1")) as client:

        def get(key: str) -> object:
            return json.loads(client.get(key) or "null")

        yield Cache(lambda key, value: client.set(key, json.dumps(value), ex=where.ttl), get)


def _flask(ttl: int, source: Source, **config: object) -> Cache:
    cache = flask_caching.Cache(APP, config={"CACHE_DEFAULT_TIMEOUT": ttl, **config})

    def create(key: str) -> Value:
        return source.make(key)

    return Cache(cache.set, cache.get, {"memoize": cache.memoize(timeout=ttl)(create)})


@contextmanager
def flask_redis(where: Where, source: Source) -> Iterator[Cache]:
    """Flask-Caching's RedisCache."""
    yield _flask(where.ttl, source, CACHE_TYPE="RedisCache", CACHE_REDIS_URL=f"{where.redis}/2")


@contextmanager
def flask_files(where: Where, source: Source) -> Iterator[Cache]:
    """Flask-Caching's FileSystemCache."""
    folder = f"{where.folder}/flask-caching"
    yield _flask(where.ttl, source, CACHE_TYPE="FileSystemCache", CACHE_DIR=folder)


@contextmanager
def flask_simple(where: Where, source: Source) -> Iterator[Cache]:
    """Flask-Caching's SimpleCache: a dictionary of pickles in one process."""
    yield _flask(where.ttl, source, CACHE_TYPE="SimpleCache")


@contextmanager
def dogpile(where: Where, source: Source) -> Iterator[Cache]:
    """dogpile.cache on Redis, with the lock that its manual has for several processes."""
    arguments = {
        "url": f"{where.redis}/3",
        "redis_expiration_time": 2 * where.ttl,
        "distributed_lock": True,
        "thread_local_lock": False,
    }
    region = make_region().configure(
        "dogpile.cache.redis", expiration_time=where.ttl, arguments=arguments
    )

    def get(key: str) -> object:
        found = region.get(key)
        return None if found is NO_VALUE else found

    def fetch(key: str) -> object:
        return region.get_or_create(key, source.make, creator_args=((key,), {}))

    yield Cache(region.set, get, {"get_or_create": fetch})


@contextmanager
def disk(where: Where, source: Source) -> Iterator[Cache]:
    """diskcache: its memoize, that with early renewal, and its barrier, checked on both sides."""
    with closing(diskcache.Cache(f"{where.folder}/diskcache")) as cache:
        memoize = cache.memoize(name="memoize", expire=where.ttl)
        guarded = diskcache.barrier(cache, diskcache.Lock, name="barrier")
        twice = cache.memoize(name="twice", expire=where.ttl)
        early = diskcache.memoize_stampede(cache, name="early", expire=where.ttl)
        fetches = {
            "memoize": memoize(source.make),
            "memoize_stampede": early(source.make),
            "memoize + barrier": twice(guarded(twice(source.make))),
        }
        yield Cache(lambda key, value: cache.set(key, value, expire=where.ttl), cache.get, fetches)


# What each of its losing callers would log is not what is measured.
logging.getLogger("flask_caching").setLevel(logging.ERROR)
