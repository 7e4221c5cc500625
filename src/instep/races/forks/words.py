"""What a fork scan found, in sentences for people: what it is, what it does, what to do instead."""

from collections.abc import Iterable
from itertools import groupby

from instep.races.forks.leftover import Kind, Leftover, Scan

EFFECT = {
    Kind.CONNECTION: "all workers talk over one connection, and take each other's answers.",
    Kind.DATABASE: (
        "SQLite forbids carrying a connection over a fork: its locks fail and the file can be "
        "damaged."
    ),
    Kind.FILE: "all workers share one position in it: what one reads or writes moves the others.",
    Kind.RANDOM: "all workers stand at the same place and draw the same numbers.",
    Kind.LOCK: (
        "it was held when the workers were forked, and its holder is in none of them: whoever asks "
        "for it there waits for ever."
    ),
    Kind.POOL: "its threads are in no worker: what is submitted there never runs.",
    Kind.THREAD: "it runs in the process that was forked, and in no worker.",
}
"""What becomes of it."""

_MADE_LATE = (
    "make it in each worker: an instep resource is made at its first use there "
    "(space.resource(make)); in plain Python make it in a function at the first request, or in "
    "gunicorn's post_fork."
)
REMEDY = {
    Kind.CONNECTION: _MADE_LATE,
    Kind.DATABASE: _MADE_LATE,
    Kind.FILE: _MADE_LATE,
    Kind.RANDOM: (
        "call its seed() in each worker (os.register_at_fork(after_in_child=…)), or draw from the "
        "module random itself, which does, or from secrets."
    ),
    Kind.LOCK: "start the thread that takes it in each worker, or when nobody forks any more.",
    Kind.POOL: _MADE_LATE,
    Kind.THREAD: (
        "if each worker needs it, start it there; if one is meant for all, say so: instep's once "
        "and leader see to it."
    ),
}
"""What to do instead."""


def title(scan: Scan) -> str:
    """The heading."""
    count, processes = len(scan.leftovers), scan.processes
    things = f"{count} thing{'s' if count > 1 else ''}" if count else "nothing"
    workers = f"{processes} worker{'s' if processes > 1 else ''}"
    return f"made before the fork and still there in the {workers} asked: {things}"


def sentences(leftovers: Iterable[Leftover]) -> list[str]:
    """A line for each thing; after those of a kind what they do, after some kinds what helps."""
    found = list(leftovers)
    lines: list[str] = []
    for remedy, kinds in groupby(Kind, lambda kind: REMEDY[kind]):
        groups = [(kind, [one for one in found if one.kind is kind]) for kind in kinds]
        for kind, same in groups:
            lines += [_one(leftover) for leftover in same]
            lines += [EFFECT[kind]] if same else []
        lines += [f"Instead: {remedy}"] if any(same for _, same in groups) else []
    return lines


def _one(leftover: Leftover) -> str:
    holder = f"{leftover.name} ({leftover.what})" if leftover.name else "kept in no variable of it"
    end = " to " if leftover.kind is Kind.CONNECTION else ": "
    return (
        f"{leftover.kind}: {holder}{end}{leftover.detail}"
        if leftover.detail
        else (f"{leftover.kind}: {holder}")
    )
