"""What was found of the stores on servers, as Markdown."""

from collections.abc import Sequence

from benchmarks.pace import Stores as Pace
from benchmarks.stores import HOT, Stores
from benchmarks.stores.calls import Group
from benchmarks.stores.handover import PROCESSES
from benchmarks.stores.places import EMBEDDED
from benchmarks.stores.spread import OBJECTS
from benchmarks.table import table


def markdown(found: Stores, pace: Pace) -> str:
    """The section of the report."""
    text = (
        "## The stores on servers\n\nPrivate servers on this machine, which share its processors "
        "with those who call them; Redis without persistence, PostgreSQL with fsync on, the rest "
        "as they come."
    )
    for engine, reason in found.missing.items():
        text += f" **{engine} was not measured**: {reason}."
    parts = [section(found, pace) for section in (_calls, _hot, _handover, _spread, _growth)]
    return "\n\n".join([text, *parts])


def _calls(found: Stores, pace: Pace) -> str:
    text = (
        f"### One call on a server\n\nOne thread of one process; {pace.rounds} rounds of about "
        f"{pace.turn * 1e3:g} ms each; the same server and the same kind of connection for all, "
        "and all of them on one processor. "
        "psycopg goes through its pool, with prepared statements, and a single statement has no "
        "transaction around it. SQLAlchemy does `get(…, with_for_update=True)`, a change and the "
        "commit, over psycopg, with its usual pool. What a commit waits for the disk is the time "
        "of an UPDATE less that of the same UPDATE with `synchronous_commit=off` (*unsynced*), in "
        "the same round.\n\n![Microseconds per call](stores-calls.svg)"
    )
    return "\n\n".join([text, *map(_group, found.calls)])


def _group(group: Group) -> str:
    head = ("", "µs, median", "µs, fastest", f"to {group.yardstick}")
    rows = [
        (
            f"**{line.name}**" if line.ours else line.name,
            f"{line.median:,.0f}",
            f"{line.least:,.0f}",
            f"{line.ratio:.2f}x",
        )
        for line in group.lines
    ]
    pairs = [f"{pair.one}, to {pair.other}: {pair.ratio:.2f}x" for pair in group.pairs]
    told = "; ".join(pairs)
    return f"#### {group.name}\n\n{table(head, rows)}\n\nWithin the rounds: {told}."


def _hot(found: Stores, pace: Pace) -> str:
    head = ("store", "calls/s", "p50 ms", "p99 ms", "longest ms", "fairness", "lost", "errors")
    rows = [
        (
            heat.name,
            f"{heat.rate:,.0f}",
            *(f"{t * 1e3:,.2f}" for t in (heat.p50, heat.p99, heat.longest)),
            f"{heat.fairness:.2f}",
            str(heat.lost),
            "; ".join(heat.errors) or "none",
        )
        for heat in found.hot
    ]
    return (
        f"### A hot object on a server\n\n{HOT[0]} processes x {HOT[1]} threads call one object as "
        f"fast as they can, for {pace.heat:g} s. Fairness: calls of the slowest thread per call of "
        "the fastest.\n\n" + table(head, rows)
    )


def _handover(found: Stores, pace: Pace) -> str:
    head = ("lock", "holds/s", "handover ms, median", "p99", "wait ms, median", "longest", "errors")
    rows = [
        (
            one.name,
            f"{one.rate:,.0f}",
            *(f"{t * 1e3:,.2f}" for t in (one.median, one.p99, one.wait, one.longest)),
            "; ".join(one.errors) or ("none" if not one.overlaps else f"{one.overlaps} overlaps"),
        )
        for one in found.handover
    ]
    return (
        f"### A lock handed over\n\n{PROCESSES} processes, each of which takes one lock, keeps it "
        f"for a millisecond, lets go and takes it again, for {pace.handover:g} s. A handover is "
        "the time from letting go until one of those who were waiting then is in: where nobody is "
        "woken, the former holder takes the lock again and again while the others sleep, which is "
        "a high rate and a long wait.\n\n![Handover and the longest wait](stores-handover.svg)\n\n"
        + table(head, rows)
    )


def _spread(found: Stores, pace: Pace) -> str:
    head = ("store", "processes", "calls/s", "to one process", "server", "whole machine")
    rows: list[Sequence[str]] = []
    for one in found.spread:
        alone = next(other for other in found.spread if other.engine == one.engine)
        server = "—" if one.engine == EMBEDDED else f"{one.server:.2f}"
        first = one is alone
        rate = (f"{one.rate:,.0f}", f"{one.rate / alone.rate:.2f}x")
        rows.append(
            (one.engine if first else "", str(one.processes), *rate, server, f"{one.machine:.2f}")
        )
    return (
        f"### Many objects\n\n{OBJECTS:,} objects in turn, in another order for each process, one "
        f"thread each, for {pace.spread:g} s. *Server* and *whole machine* count the processors "
        "that were busy meanwhile: where the whole machine is, more processes bring nothing here, "
        "whatever the server could do for callers on other machines.\n\n"
        "![Calls per second over processes](stores-spread.svg)\n\n" + table(head, rows)
    )


def _growth(found: Stores, pace: Pace) -> str:
    head = ("store", "objects", "µs, median", "µs, fastest", "to the smallest", "filled in, s")
    rows = [
        (
            cost.engine,
            f"{cost.size:,}{', control' * cost.control}",
            f"{cost.median:,.0f}",
            f"{cost.least:,.0f}",
            f"{cost.ratio:.2f}x",
            f"{cost.loading:.2g}",
        )
        for cost in found.growth
    ]
    return (
        "### Growth of a store on a server\n\nA call of a member, chosen at random, of a family "
        "of that many. Redis and PostgreSQL are filled by copies that the server makes itself, "
        "the others one by one, and therefore with fewer: a million would take a minute. The "
        "*control* is a second store of the smallest size: how far it is from 1.00x is how far "
        "the figures are off. Calls and servers share one processor meanwhile.\n\n"
        + table(head, rows)
    )
