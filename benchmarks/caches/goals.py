"""The figures that the project set itself for caches, rate limits and resources."""

from collections.abc import Iterator

from benchmarks.caches import Caches, access
from benchmarks.caches.contenders import EMBEDDED, FLASK_REDIS
from benchmarks.caches.hits import FETCH, GET, Hits
from benchmarks.caches.stampede import Stampede
from benchmarks.goals import Goal, at_least

_HIT, _ACCESS = 6.0, 1.0  # microseconds


def of_caches(found: Caches) -> Iterator[Goal]:
    """Hits beside the peers', one making per stampede, a resource at hand."""
    yield from _of_hits(found.hits)
    yield from _of_stampedes(found.stampedes)
    yield from _of_access(found.access)


def _of_hits(found: Hits) -> Iterator[Goal]:
    for kind, call in ((GET, "get"), (FETCH, "get_or_create")):
        line = next(
            one for one in found.lines if (one.cache, one.kind, one.call) == (EMBEDDED, kind, call)
        )
        yield _within(f"cache hit, embedded: `{call}`", line.median, _HIT)
    if found.flask is not None:
        yield at_least(f"{FLASK_REDIS}: `get`, to the embedded cache's `get`", found.flask, 5)
    yield at_least("diskcache: `get`, to the embedded cache's `get`", found.disk, 2)
    yield at_least("diskcache: `get`, to the embedded cache's `get_or_create`", found.fetch, 2)


def _of_stampedes(found: list[Stampede]) -> Iterator[Goal]:
    for one in found:
        if one.ours:
            most, wrong = max(one.made), len(one.errors)
            yield Goal(
                f"{one.cache}: stampede, {one.processes} processes x {one.threads} threads",
                "made once, no error",
                f"made {most}x, {wrong or 'no'} error{'s' * (wrong > 1)}",
                set(one.made) == {1} and not wrong,
            )


def _of_access(found: list[access.Access]) -> Iterator[Goal]:
    for one in found:
        if one.ours:
            yield _within(f"resource in a request: {one.name}", one.median, _ACCESS)


def _within(what: str, measured: float, limit: float) -> Goal:
    return Goal(what, f"≤ {limit:g} µs", f"{measured:.2f} µs", measured <= limit)
