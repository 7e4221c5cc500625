"""instep's cache, on the embedded store and on Redis."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from benchmarks.caches.peers import APP, Cache, Fetch, Where
from benchmarks.caches.source import Source, Value
from instep import Space
from instep.flask import Instep

EARLY, STALE = "get_or_create, early", "get_or_create, stale"
VARIANTS = (EARLY, STALE)
"""Ways that differ when something expires, and not in a hit."""


@contextmanager
def embedded(where: Where, source: Source) -> Iterator[Cache]:
    """On the embedded store, with its default durability."""
    with closing(Space(f"lmdb:{where.folder}/instep")) as space:
        yield _cache(space, source, where.ttl)


@contextmanager
def in_flask(where: Where, source: Source) -> Iterator[Cache]:
    """The same in a Flask program, whose store is that of the application that is current."""
    APP.config["INSTEP_URL"] = f"lmdb:{where.folder}/instep-flask"
    with closing(Instep(APP)) as shared:
        yield _cache(shared, source, where.ttl)


@contextmanager
def on_redis(where: Where, source: Source) -> Iterator[Cache]:
    """On Redis."""
    with closing(Space(f"{where.redis}/5")) as space:
        yield _cache(space, source, where.ttl)


def _cache(space: Space, source: Source, ttl: float) -> Cache:
    users = space.cache("users", ttl=ttl)
    early = space.cache("early", ttl=ttl, early=1.0)
    stale = space.cache("stale", ttl=ttl, stale=ttl)

    def fetch(key: str) -> object:
        return users.get_or_create(key, lambda: source.make(key))

    def fetch_early(key: str) -> object:
        return early.get_or_create(key, lambda: source.make(key))

    def fetch_stale(key: str) -> object:
        return stale.get_or_create(key, lambda: source.make(key))

    @users.cached
    def user(key: str) -> Value:
        return source.make(key)

    fetches: dict[str, Fetch] = {
        "get_or_create": fetch,
        EARLY: fetch_early,
        STALE: fetch_stale,
        "@cached": user,
    }
    return Cache(users.set, users.get, fetches)
