"""The picture of a schedule: a lane per request, time going down, an arrow at every switch."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from html import escape

from instep.races.exploring.judging import letter, relative
from instep.races.exploring.plan import Run
from instep.races.exploring.story import Beat, beats

LANE, GAP, LEFT, TOP = 420, 44, 12, 46
ROW, PAD = 16, 7
LETTERS = 54
"""So many fit a lane."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")
"""Of Okabe and Ito's palette, which colour-blind readers can tell apart."""


def picture(run: Run, names: Sequence[str]) -> str:
    """The schedule as SVG text."""
    everything = beats(run)
    heads = [*names, *run.names[len(names) :]]
    shown = sorted({beat.actor for beat in everything} | set(range(len(names))))
    parts, height = _boxes(everything, shown)
    width = LEFT * 2 + len(shown) * LANE + (len(shown) - 1) * GAP
    lanes = [_lane(number, actor, heads[actor], height) for number, actor in enumerate(shown)]
    title = "; ".join(_words(beat) for beat in everything)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 12}" role="img" '
        f'aria-label="{escape(title, quote=True)}">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>'
        f"{''.join(lanes)}{''.join(parts)}</svg>"
    )


def _lane(number: int, actor: int, name: str, height: int) -> str:
    x = LEFT + number * (LANE + GAP)
    colour = COLOURS[actor % len(COLOURS)]
    head = escape(f"{letter(actor)}  {name}"[:LETTERS])
    return (
        f'<text class="head" x="{x}" y="20">{head}</text>'
        f'<rect x="{x}" y="28" width="{LANE}" height="3" fill="{colour}"/>'
        f'<line class="lane" x1="{x + LANE / 2}" y1="{TOP}" x2="{x + LANE / 2}" y2="{height}"/>'
    )


def _boxes(everything: Iterable[Beat], shown: Sequence[int]) -> tuple[list[str], int]:
    """The boxes with the arrows between them, and how far down they go."""
    parts: list[str] = []
    y, before, path = TOP, None, ""
    for beat in everything:
        lines = _lines(beat, path)
        path = beat.path or path
        height = ROW * len(lines) + 2 * PAD
        x = LEFT + shown.index(beat.actor) * (LANE + GAP)
        if before is not None and before[0] != beat.actor:
            parts.append(_arrow(before[1], before[2], x, y + height // 2))
        parts.append(_box(beat, lines, x, y, height))
        before = (beat.actor, x, y + height // 2)
        y += height + 8
    return parts, y


def _arrow(x1: int, y1: int, x2: int, y2: int) -> str:
    """From one lane to another: here somebody else goes on."""
    start, end = (x1 + LANE, x2) if x2 > x1 else (x1, x2 + LANE)
    middle = (start + end) // 2
    return (
        f'<path class="switch" marker-end="url(#tip)" '
        f'd="M{start} {y1} C{middle} {y1} {middle} {y2} {end} {y2}"/>'
    )


def _box(beat: Beat, lines: list[tuple[str, str]], x: int, y: int, height: int) -> str:
    colour = COLOURS[beat.actor % len(COLOURS)]
    kind = "step" if beat.line else "end"
    rows = "".join(
        f'<text class="{name}" x="{x + 12}" y="{y + PAD + 12 + ROW * number}">{escape(text)}</text>'
        for number, (name, text) in enumerate(lines)
    )
    return (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{LANE}" height="{height}" rx="4"/>'
        f'<rect x="{x}" y="{y}" width="4" height="{height}" fill="{colour}"/>{rows}'
    )


def _lines(beat: Beat, path: str) -> list[tuple[str, str]]:
    """The rows of a box: class and text."""
    if not beat.line:
        return [("answer", row) for row in _rows(beat.code)]
    head = [("where", row) for row in _rows(relative(beat.path))] if beat.path != path else []
    notes = [("note", row) for note in beat.notes for row in _rows(note)]
    return [*head, *(("source", row) for row in _rows(f"{beat.line}  {beat.code}")), *notes]


def _rows(text: str) -> list[str]:
    """A text in as many rows as it needs, at most three."""
    return textwrap.wrap(text, LETTERS, max_lines=3, placeholder=" …", subsequent_indent="  ")


def _words(beat: Beat) -> str:
    where = f"line {beat.line}: " if beat.line else ""
    return f"{letter(beat.actor)} {where}{beat.code} {', '.join(beat.notes)}".strip()
