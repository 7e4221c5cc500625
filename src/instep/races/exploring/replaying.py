"""Replay ids: a schedule in a few letters, such as `a.a12b-9f3c`.

`a` begins; when a is about to make its 12th access or lock operation, b goes on; `9f3c` stands for
the source lines that the story touched, so that a program that was changed is noticed.
"""

from __future__ import annotations

import linecache
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from instep.errors import Misuse
from instep.races.exploring.choosing import Key
from instep.races.exploring.plan import Line, Run

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SWITCH = re.compile(r"([a-z])(\d+)([a-z])$")


def letter(number: int) -> str:
    """Of an actor."""
    return LETTERS[number % len(LETTERS)]


def replay_id(decisions: Mapping[Key, int], run: Run) -> str:
    """The id of a schedule that was run."""
    parts = [
        letter(chosen) if actor < 0 else f"{letter(actor)}{count}{letter(chosen)}"
        for (actor, count), chosen in decisions.items()
    ]
    return f"{'.'.join(parts)}-{_check(run.story)}"


def decisions(replay: str, calls: int) -> dict[Key, int]:
    """What an id means.

    Raises:
        Misuse: it is none.
    """
    first, *switches = replay.strip().partition("-")[0].split(".")
    found: dict[Key, int] = {(-1, 0): LETTERS.find(first) if len(first) == 1 else -1}
    for switch in switches:
        match = SWITCH.match(switch)
        if match is None:
            raise _none(replay)
        actor, count, chosen = match.groups()
        found[LETTERS.index(actor), int(count)] = LETTERS.index(chosen)
    if not 0 <= found[-1, 0] < calls or not re.search(r"-[0-9a-f]{4}$", replay.strip()):
        raise _none(replay)
    return found


def _none(replay: str) -> Misuse:
    return Misuse(f"{replay!r} is no replay id: copy it from what explore printed: a.a12b-9f3c")


def check(replay: str, run: Run) -> None:
    """Refuse a run that is not the one that the id was made of.

    Raises:
        Misuse: the program or the requests have changed since.
    """
    if run.misfits or _check(run.story) != replay.strip().rpartition("-")[2]:
        lost = f", and {run.misfits} of its switches found no moment" if run.misfits else ""
        raise Misuse(
            f"{replay} does not fit any more: the program, its state or the requests differ from "
            f"what they were{lost}; explore again without --replay"
        )


def switches(run: Run) -> dict[Key, int]:
    """The decisions that make a schedule that was played at random."""
    found = {}
    for move in run.moves:
        arrived = move.key[0]
        default = arrived if arrived in move.enabled else move.enabled[0]
        if move.actor != default or arrived < 0:
            found[move.key] = move.actor
    return found


def _check(story: Iterable[Line]) -> str:
    told = "\n".join(
        f"{Path(line.path).name} {line.actor} {line.what} {source(line)}" for line in story
    )
    return f"{zlib.crc32(told.encode()) & 0xFFFF:04x}"


def source(line: Line) -> str:
    """The source of a line, without its indentation."""
    return linecache.getline(line.path, line.line).strip() if line.path else ""
