"""What a played schedule was, in words that go through a pipe, and back."""

from __future__ import annotations

import threading
from collections import Counter
from types import CellType
from typing import Any

from instep.races.exploring import naming
from instep.races.exploring.plan import Line, Move, Run
from instep.races.exploring.seeing import OFTEN, Event, Seen
from instep.races.exploring.turns import Turns
from instep.races.watching import WHOLE

STEPS = 3_000
"""Steps of a schedule that are handed over; schedules branch at the first ones."""

MOST = 12
"""So many lines of the same source line by the same actor are told, and the last one."""

LOCKS = ("acquire", "release", "ask", "sleep", "join")

Names = dict[tuple[int, Any], str]


def shared(seen: Seen, names: naming.Names) -> Names:
    """Names of the shared locations."""
    found: Names = {}
    for owner, key, item, _ in seen.sharing.shared():
        name = names.name(owner, key, item, key is WHOLE)
        found[id(owner), key] = naming.shown(name) if name else ""
        for cls in () if item or isinstance(owner, type) else type(owner).__mro__:
            found.setdefault((id(cls), key), found[id(owner), key])
    return found


def watched(seen: Seen, names: naming.Names) -> frozenset[naming.Watched]:
    """Those of the shared locations that can be found again in another process."""
    found = set()
    for owner, key, item, _ in seen.sharing.shared():
        name = names.known.get(id(owner))
        if name is None:
            continue
        whole = key is WHOLE or type(owner) is CellType
        if whole or (item and not isinstance(owner, dict | list)):
            found.add((name, "", naming.WHOLE))
        elif item:
            found.add((name, repr(key), naming.ITEM))
        else:
            found.add((name, str(key), naming.ATTRIBUTE))
    return frozenset(found)


def moves(turns: Turns) -> list[Any]:
    """The steps, with a small number for each location or lock."""
    tokens: dict[Any, int] = {}
    found = []
    for step in turns.steps[:STEPS]:
        owner, key = step.token or (0, "")
        number = tokens.setdefault(owner, len(tokens))
        token = f"{number}/{key}" if step.token else ""
        found.append(
            [
                *(step.actor, step.number, step.what, token, step.writes, step.enabled),
                *(step.key, step.preempts, step.open, step.yields),
            ]
        )
    return found


def story(seen: Seen, names: Names, objects: naming.Names) -> list[Any]:
    """The lines about shared state and locks."""
    lines = [event for event in seen.lines() if _matters(event, names)]
    places = [(event.actor, event.what, event.path, event.line) for event in lines]
    times, told = Counter(places), Counter[Any]()
    found = []
    for event, place in zip(lines, places, strict=True):
        told[place] += 1
        if told[place] <= MOST or told[place] == times[place]:
            found.append(_line(event, names, objects))
    return found


def _matters(event: Event, names: Names) -> bool:
    if event.what in LOCKS:
        return bool(event.path) and event.inner in ("", "queue")
    owner, key, _ = event.subject
    return (id(owner), key) in names


def _line(event: Event, names: Names, objects: naming.Names) -> list[Any]:
    value = str(event.value)
    if event.inner:
        return [event.actor, event.count, "use", event.path, event.line, "", ""]
    if event.what in LOCKS:
        name = _waited(event.subject, objects)
    else:
        owner, key, _ = event.subject
        name = names.get((id(owner), key)) or event.text
    if event.time > OFTEN + 1:
        value += f" (after {event.time - OFTEN - 1} times more)"
    return [event.actor, event.count, event.what, event.path, event.line, name, value]


def _waited(subject: Any, objects: naming.Names) -> str:
    if isinstance(subject, threading.Thread):
        return subject.name
    if isinstance(subject, int | float):
        return f"{subject:g} s"
    return lock_name(subject, objects)


def waits(turns: Turns, seen: Seen, names: naming.Names) -> list[Any]:
    """Of a deadlock: who waits for what, and who has it."""
    found = []
    for actor, pending in turns.waits:
        subject = pending.subject
        name = _waited(subject, names)
        holder = next((a.number for a in turns.actors if subject in a.held), -1)
        line = pending.event
        if line and line.inner and holder == actor.number:  # a queue, a condition, an event
            name, holder = "somebody to wake it", -1
        at = (line.path, line.line) if line else ("", 0)
        found.append([actor.number, name, holder, *at])
    return found


def lock_name(lock: Any, names: naming.Names) -> str:
    """Where a lock hangs, if it hangs somewhere."""
    for one in (lock, getattr(lock, "lock", None)):
        name = names.known.get(id(one))
        if name:
            return naming.shown(name)
    return "a lock"


def _move(actor: int, number: int, what: str, token: str, writes: bool, *rest: Any) -> Move:
    enabled, key, preempts, can_switch, yields = rest
    moment = (key[0], key[1])
    return Move(
        actor, number, what, token, writes, tuple(enabled), moment, preempts, can_switch, yields
    )


def heard(told: dict[str, Any]) -> Run:
    """The run, as the parent sees it."""
    return Run(
        outcome=told["outcome"],
        moves=tuple(_move(*move) for move in told["moves"]),
        story=tuple(Line(*line) for line in told["story"]),
        names=tuple(told["names"]),
        waits=tuple(tuple(wait) for wait in told["waits"]),
        hangs=told["hangs"],
        misfits=told["misfits"],
        spots=frozenset((path, line, column) for path, line, column in told["spots"]),
        watched=frozenset((name, key, how) for name, key, how in told["watched"]),
        outside=tuple(told["outside"]),
        imported=tuple(told["imported"]),
        accesses=told["accesses"],
        alone=told["alone"],
        refused=tuple((actor, attempt) for actor, attempt in told["refused"]),
    )
