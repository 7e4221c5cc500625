"""What a cached function reads: only a result that can change goes stale."""

from __future__ import annotations

from dataclasses import replace

from instep.races.reading import functions
from instep.races.reading.frames import Frame
from instep.races.reading.functions import Arguments
from instep.races.reading.model import Access, Actor, Kind, Location, Made, Role, Root
from instep.races.reading.values import Function, Value
from instep.races.reading.walker import Walker

QUERIES = frozenset(
    """execute executemany fetchone fetchall query filter_by scalars find find_one select
    get_or_404 all first one_or_none""".split()
)
"""Methods that ask a database."""
CLOCKS = frozenset({"time", "datetime"})
FETCHING = frozenset({"requests", "httpx", "urllib", "urllib3", "socket", "boto3"})


def explained(walker: Walker, actors: list[Actor]) -> list[Made]:
    """The caches of the program, with what their functions read among their arguments.

    Args:
        walker: after all walks.
        actors: whose writes tell what can change.

    Returns:
        One for each cached function; its arguments end with `reads: …` for each source.
    """
    written = {
        access.location
        for actor in actors
        for access in actor.trace
        if access.kind in (Kind.WRITE, Kind.UPDATE)
    }
    return [
        replace(made, arguments=(*made.arguments, *sources(walker, function, written)))
        for made, function in walker.cached
    ]


def sources(walker: Walker, function: Function, written: set[Location]) -> list[str]:
    """What a function's result depends on, other than its arguments."""
    trace = walker.begin(Role.VIEW)
    walker.called.clear()
    frame = Frame(function.module, function.name, trace.walk)
    names = [one.arg for one in (*function.node.args.args, *function.node.args.kwonlyargs)]
    given = Arguments(keywords={name: Value(text=name) for name in names})
    functions.enter(walker, function, None, given, frame)
    found = {source(access, written) for access in trace.accesses()}
    for name in walker.called:
        first, _, last = name.partition(".")[0], "", name.rpartition(".")[2]
        if first in CLOCKS:
            found.add("reads: time")
        elif last in QUERIES:
            found.add("reads: database")
        elif first in FETCHING:
            found.add("reads: network")
    return sorted(found - {"", f"reads: {function.name.rpartition('.')[2]}()"})


def source(access: Access, written: set[Location]) -> str:
    """What one access reads that can change; empty if it cannot."""
    location = access.location
    if location.root is Root.FILE:
        return "reads: file"
    if location.root in (Root.CONTEXT, Root.SESSION) or location not in written:
        return ""
    return f"reads: {location.name}"
