"""Iteration while another request adds or takes away.

How it stays right. An iterator over a dictionary, set or deque raises RuntimeError at its next step
when the size has changed; one over a list skips an entry or shows one twice when something is taken
out. A copy made in one call (`list(d)`, `d.copy()`) is one step, and is no finding.
"""

from __future__ import annotations

from collections.abc import Iterator

from instep.races.reading.model import Access, Kind
from instep.races.rules.finding import Severity, Window
from instep.races.rules.locking import common_hold
from instep.races.rules.methods import REMOVING, empties, inside, resizes
from instep.races.rules.scene import Part, State
from instep.races.rules.symptom import Symptom, between_requests

RAISING = frozenset({"dict", "set", "defaultdict", "OrderedDict", "Counter", "deque"})
IN_ONE_CALL = frozenset(
    """list tuple set frozenset dict sorted sum min max any all OrderedDict Counter copy jsonify
    dumps most_common union choice sample join""".split()
)
"""These walk through a container without a thread switch on CPython with the GIL."""
COPIED = frozenset({"tuple", "str", "bytes", "frozenset", "Queue", "SimpleQueue", "count"})
"""These do not change while they are iterated."""


def iterations(state: State) -> Iterator[Symptom]:
    """Every loop over a container that others resize meanwhile."""
    types = {name.rpartition(".")[2] for name in state.types}
    if types and types <= COPIED:
        return
    for part in state.parts:
        for access in part.accesses.values():
            if access.kind is Kind.ITERATE and _lasts(state, access):
                found = _disturbed(state, part, access, types)
                if found is not None:
                    yield found


def _lasts(state: State, loop: Access) -> bool:
    """Whether Python code runs between two entries."""
    if loop.method == "dumps" and "indent=" in state.source(loop):
        return True  # only what makes no new lines is written in C
    return loop.method not in IN_ONE_CALL and not loop.atomic


def _disturbed(state: State, part: Part, loop: Access, types: set[str]) -> Symptom | None:
    def spoils(write: Access) -> bool:
        if write.location != loop.location or not resizes(write):
            return False
        return not is_list or write.method in {*REMOVING, "insert"} or empties(write)

    is_list = types == {"list"}
    rival = next(state.rivals(part.actor, common_hold((loop,)), loop, spoils), None)
    if rival is None or not inside(loop):
        return None
    sure = bool(types & RAISING) and between_requests(part.actor, rival.actor)
    return Symptom(
        "IS114", Severity.HIGH if sure else Severity.MEDIUM, Window.EXPOSED,
        "skips" if is_list else "iterated", state.location, part.actor, rival.access, loop, rival,
    )  # fmt: skip
