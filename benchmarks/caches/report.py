"""What was found of caches, rate limits and resources, as Markdown."""

from benchmarks.caches import Caches, renewal, stampede
from benchmarks.pace import GOAL
from benchmarks.pace import Caches as Pace
from benchmarks.table import table


def markdown(found: Caches, pace: Pace) -> str:
    """The section of the report."""
    text = "## Caches, rate limits, resources"
    if not found.redis:
        text += "\n\n**What needs Redis was not measured**: no `redis-server` on this machine."
    parts = [section(found, pace) for section in (_hits, _stampedes, _renewals, _rates, _access)]
    return "\n\n".join([text, *parts])


def _hits(found: Caches, pace: Pace) -> str:
    head = ("cache", "call", "µs, median", "µs, fastest", "to our `get`")
    rows = [
        (
            _name(line.cache, line.ours),
            f"{line.call}",
            f"{line.median:,.2f}",
            f"{line.least:,.2f}",
            f"{line.ratio:,.2f}x",
        )
        for line in found.hits.lines
    ]
    return (
        "### A cache hit\n\nOne thread of one process gets a dictionary of four entries that is in "
        f"the cache, while a Flask request is under way; {pace.rounds} rounds of about "
        f"{pace.turn * 1e3:g} ms each, and all, Redis too, on one processor. cashews is called by "
        "tasks: 100 calls for each entry of the event "
        "loop. Ratios are to `get` on the embedded store.\n\n![A cache hit](caches-hits.svg)\n\n"
        + table(head, rows)
    )


def _stampedes(found: Caches, pace: Pace) -> str:
    head = ("processes x threads", "cache", "call", "made", "wall s", "answers", "errors")
    rows = [
        (
            f"{one.processes} x {one.threads}",
            _name(one.cache, one.ours),
            one.call,
            _span(one.made),
            f"{one.wall:.2f}",
            _span(one.answers),
            "; ".join(one.errors) or "none",
        )
        for one in found.stampedes
    ]
    return (
        "### A stampede\n\nEvery thread of every process wants one key at once, which is not there "
        f"and takes {stampede.SECONDS:g} s to make; {pace.rushes} of them, each on a key of its "
        "own, after one that opens everybody's connections. *Made*: how often it was made, where "
        "once is enough. *Wall*: from the first call to the last answer, the median. *Answers*: "
        "how many different ones the callers got. cashews has tasks of an event loop in the place "
        "of threads.\n\n"
        "![How often it was made](caches-made.svg)\n\n![Until the last had it](caches-wall.svg)\n\n"
        + table(head, rows)
    )


def _span(numbers: list[int]) -> str:
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least} to {most}"


def _renewals(found: Caches, pace: Pace) -> str:
    processes, threads = GOAL
    head = ("cache", "call", "made", "kept waiting", "p50 ms", "longest ms", "calls")
    rows = [
        (
            _name(one.cache, one.ours),
            one.call,
            str(one.made),
            f"{one.waited:,}",
            f"{one.p50 * 1e3:.2f}",
            f"{one.longest * 1e3:.0f}",
            f"{one.calls:,}",
        )
        for one in found.renewals
    ]
    return (
        f"### Renewal\n\n{processes} processes x {threads} threads ask for one key every "
        f"{renewal.PAUSE * 1e3:g} ms, for {pace.stream:g} s. What they get is fresh for "
        f"{renewal.TTL} s and takes {renewal.SECONDS:g} s to make. *Kept waiting*: calls of more "
        f"than {renewal.LONG * 1e3:g} ms. *stale* serves the "
        "old value for as long again; *early* is early renewal by chance (XFetch, with a beta of "
        "1), which is what diskcache's memoize_stampede does too; dogpile.cache serves the old "
        "value while one caller makes the new one.\n\n" + table(head, rows)
    )


def _rates(found: Caches, pace: Pace) -> str:
    head = ("storage of limits", "window", "µs, median", "µs, fastest", "to Redis")
    rows = [
        (
            _name(one.storage, one.ours),
            one.window,
            f"{one.median:,.1f}",
            f"{one.least:,.1f}",
            "—" if one.ratio is None else f"{one.ratio:.2f}x",
        )
        for one in found.rates
    ]
    return (
        "### A rate limit\n\nOne hit through `limits`, 100 per minute; each user makes 50, then "
        "comes the next one. All storages, and Redis, share one processor.\n\n" + table(head, rows)
    )


def _access(found: Caches, pace: Pace) -> str:
    head = ("in a Flask request", "µs, median", "µs, fastest", "to `flask.g`")
    rows = [
        (
            _name(one.name, one.ours),
            f"{one.median:.3f}",
            f"{one.least:.3f}",
            f"{one.ratio:.2f}x",
        )
        for one in found.access
    ]
    return "### A resource\n\nMade already, and got at once more.\n\n" + table(head, rows)


def _name(name: str, ours: bool) -> str:
    return f"**{name}**" if ours else name
