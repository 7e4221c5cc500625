"""The story of a violation as text: one column per request, one line per step, values beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from instep.races.exploring.judging import letter, relative
from instep.races.exploring.oracle import body
from instep.races.exploring.plan import Exploration, Line, Run, Violation
from instep.races.exploring.replaying import source
from instep.races.exploring.telling import LOCKS

WIDE, NARROW = 100, 80
VERBS = {
    "read": "reads",
    "test": "looks: ",
    "write": "writes",
    "update": "changes",
    "iterate": "goes through",
    "acquire": "takes",
    "ask": "looks at",
    "release": "gives back",
    "sleep": "sleeps",
    "join": "waits for",
}


@dataclass(frozen=True, slots=True)
class Beat:
    """What one actor did in one source line without anybody in between.

    Args:
        actor: its number.
        path: of the source.
        line: of the source; 0 for an answer.
        code: the source of it.
        notes: what was read and written.
        switched: another actor went on before it.
    """

    actor: int
    path: str
    line: int
    code: str
    notes: tuple[str, ...]
    switched: bool


def beats(run: Run) -> list[Beat]:
    """The lines of a story, those of the same source line put together, and the answers."""
    found: list[Beat] = []
    last = {line.actor: place for place, line in enumerate(run.story)}
    answers = run.outcome["answers"]
    told = {actor for actor in range(len(answers)) if actor not in last}
    for place, line in enumerate(run.story):
        before = found[-1] if found else None
        if before and (before.actor, before.path, before.line) == (
            line.actor,
            line.path,
            line.line,
        ):
            found[-1] = _more(before, line)
        else:
            switched = before is not None and before.actor != line.actor
            beat = Beat(line.actor, line.path, line.line, source(line), (), switched)
            found.append(_more(beat, line))
        if last[line.actor] == place and line.actor < len(answers):
            found.append(_end(run, line.actor))
    found.extend(_end(run, actor) for actor in sorted(told))
    return found


def _more(before: Beat, line: Line) -> Beat:
    notes = [] if line.what == "use" else [_note(line)]  # of what it is, the source says
    new = (note for note in notes if note not in before.notes)
    return replace(before, notes=(*before.notes, *new))


def _note(line: Line) -> str:
    name = f" {line.subject}" if line.subject else ""
    if line.what == "test":
        return f"looks at{name}: {line.value}"
    if line.what in LOCKS:
        return f"{VERBS[line.what]}{name}{f': {line.value}' if line.value else ''}"
    return f"{VERBS[line.what]}{name}: {line.value}"


def _end(run: Run, actor: int) -> Beat:
    answer = run.outcome["answers"][actor]
    waiting = next((wait for wait in run.waits if wait[0] == actor), None)
    if waiting:
        _, what, holder, path, _ = waiting
        who = f", which {letter(holder)} holds" if holder >= 0 else ""
        return Beat(actor, path, 0, f"waits for {what}{who}, for ever", (), False)
    if answer is None:
        return Beat(actor, "", 0, "no answer", (), False)
    return Beat(actor, "", 0, f"answers {body(answer)}", (), False)


def told(result: Exploration, width: int = WIDE, *, command: bool = True) -> list[str]:
    """A violation, complete: what is wrong, how it comes about, how to run it again.

    Args:
        result: of the exploration.
        width: columns of it all.
        command: whether a command was given, so that there is one to give again.
    """
    violation = result.violation
    if violation is None:
        return summary(result)
    lines = []
    for sentence in violation.words:
        lines += textwrap.wrap(sentence, width)
    lines += ["", *columns(violation.run, result.calls, width), ""]
    lines += textwrap.wrap(window(violation), width)
    again = f"; the same again: --replay {violation.replay}" if command else ""
    lines += textwrap.wrap(
        f"found in schedule {result.schedules - result.after} of {result.schedules}, "
        f"after {result.confirmation:.2g} s" + again, width
    )  # fmt: skip
    return lines


def window(violation: Violation) -> str:
    """Whether it happens today."""
    if violation.latent:
        return (
            "latent: it needs a switch inside of a step that CPython 3.10 to 3.13 with the GIL do "
            "in one go; open on 3.9, on builds without the GIL, and always between processes."
        )
    return "exposed: today's interpreters can switch threads at these places."


def summary(result: Exploration) -> list[str]:
    """What a search without a find is worth."""
    if result.failed:
        return [
            f"nothing was explored: every call failed in each of {result.schedules} schedules, so "
            "what it is there for never happened."
        ]
    if result.complete and result.schedules <= len(result.orders):
        return [
            "no violation, but nothing was tried either: no step was seen at which these calls "
            "could meet. What files, databases and libraries keep is not seen."
        ]
    bound = result.limits.preemptions
    most = f"<= {bound} preemption{'s' if bound != 1 else ''}"
    systematic = result.schedules - result.randoms
    cut = "" if result.complete else ", not all of them: a limit came first"
    random = f" and {result.randoms} at random" if result.randoms else ""
    return [
        f"no violation among {systematic} schedules with {most}{cut}{random}, over "
        f"{result.accesses} accesses ({len(result.candidates)} candidate lines). Files and "
        "databases are not judged. Not seen is not proven."
    ]


def columns(run: Run, names: Sequence[str], width: int = WIDE) -> list[str]:
    """One column per actor, time going down; the file is named where it changes."""
    heads = [*names, *run.names[len(names) :]]
    all_beats = beats(run)
    shown = sorted({beat.actor for beat in all_beats} | set(range(len(names))))
    room = (width - 3 * (len(shown) - 1)) // len(shown)
    titles = [_cut(f"{letter(actor)}  {heads[actor]}", room) for actor in shown]
    lines = [" │ ".join(title.ljust(room) for title in titles).rstrip()]
    lines.append("─┼─".join("─" * room for _ in shown))
    path = ""
    for beat in all_beats:
        cell = list(_cell(beat, room))
        if beat.line and beat.path != path:
            path = beat.path
            cell.insert(0, _tail(relative(path), room))
        for text in cell:
            cells = [" " * room] * len(shown)
            cells[shown.index(beat.actor)] = text.ljust(room)
            lines.append(" │ ".join(cells).rstrip())
    return lines


def _cell(beat: Beat, room: int) -> Iterator[str]:
    if not beat.line:
        yield from _wrapped("   = ", beat.code, room, rows=3)
        return
    yield from _wrapped(f"{beat.line:>4} ", beat.code, room)
    for note in beat.notes:
        yield from _wrapped("     · ", note, room)


def _wrapped(head: str, text: str, room: int, rows: int = 2) -> list[str]:
    """A text after its head, in a few rows."""
    return textwrap.wrap(
        text,
        room,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        max_lines=rows,
        placeholder="…",
    )


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _tail(text: str, room: int) -> str:
    return text if len(text) <= room else f"…{text[1 - room :]}"
