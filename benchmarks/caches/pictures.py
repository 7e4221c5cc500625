"""The pictures of caches and rate limits."""

from benchmarks.caches import Caches
from benchmarks.caches.contenders import IN_FLASK
from benchmarks.caches.hits import FETCH, GET
from benchmarks.caches.stampede import SECONDS, Stampede
from benchmarks.chart import Bar, chart

_KINDS = {GET: "Get what is there", FETCH: "The call that would make it if it were not"}


def pictures(found: Caches) -> dict[str, str]:
    """SVG texts by file name."""
    return {
        "caches-hits.svg": _hits(found),
        "caches-made.svg": _made(found),
        "caches-wall.svg": _wall(found),
        "caches-rates.svg": _rates(found),
    }


def _hits(found: Caches) -> str:
    groups = {
        heading: [
            Bar(
                f"{line.cache.removesuffix(', one process')}: {line.call}",
                line.median,
                f"{line.median:,.1f}" if line.median >= 0.1 else f"{line.median:.2f}",
                line.ours,
            )
            for line in sorted(found.hits.lines, key=lambda line: line.median)
            if line.kind == kind and line.cache != IN_FLASK  # which takes as long
        ]
        for kind, heading in _KINDS.items()
    }
    return chart("A cache hit, nobody else: shorter is better", "µs, logarithmic", groups)


def _made(found: Caches) -> str:
    bars = [Bar(_name(one), max(one.made), str(max(one.made)), one.ours) for one in _largest(found)]
    title = "A key that all want at once: how often it was made, once is enough"
    return chart(title, "times, logarithmic", {_callers(found): bars})


def _wall(found: Caches) -> str:
    bars = [Bar(_name(one), one.wall, f"{one.wall:.2f}", one.ours) for one in _largest(found)]
    title = f"And until the last one had it: {SECONDS:g} s is the least"
    return chart(title, "seconds, logarithmic", {_callers(found): bars})


def _largest(found: Caches) -> list[Stampede]:
    """The stampedes of the largest cell."""
    largest = max(one.processes * one.threads for one in found.stampedes)
    return [one for one in found.stampedes if one.processes * one.threads == largest]


def _callers(found: Caches) -> str:
    one = _largest(found)[0]
    return f"{one.processes} processes x {one.threads} callers"


def _name(one: Stampede) -> str:
    return f"{one.cache}: {one.call}"


def _rates(found: Caches) -> str:
    groups = {
        window: [
            Bar(one.storage, one.median, f"{one.median:,.1f}", one.ours)
            for one in sorted(found.rates, key=lambda one: one.median)
            if one.window == window
        ]
        for window in dict.fromkeys(one.window for one in found.rates)
    }
    return chart("A hit on a rate limit: shorter is better", "µs, logarithmic", groups)
