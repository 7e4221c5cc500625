"""Line plots as SVG text: panels one below the other, with one scale of places below all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.drawing import WIDTH, drawing

LEFT, RIGHT, TOP, HEIGHT, GAP = 80, 150, 56, 230, 58
_APART = 16  # pixels between the names of two lines
_DASHES = ("", "9 3", "2 3", "9 3 2 3", "5 2")

_STYLE = """
.line { fill: none; stroke-width: 2.5 }
.c0 { stroke: #6e7781; color: #6e7781 } .c1 { stroke: #d55e00; color: #d55e00 }
.c2 { stroke: #0072b2; color: #0072b2 } .c3 { stroke: #00805e; color: #00805e }
.c4 { stroke: #a8508a; color: #a8508a } .dot { fill: currentColor; stroke: none }
"""
_DARK = """
  .c0 { stroke: #9aa4ae; color: #9aa4ae } .c1 { stroke: #f0883e; color: #f0883e }
  .c2 { stroke: #56b4e9; color: #56b4e9 } .c3 { stroke: #2dc08d; color: #2dc08d }
  .c4 { stroke: #e28bc5; color: #e28bc5 }
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes.

    Args:
        heading: what it shows, and the unit.
        lines: a value for each place, above 0 if it is logarithmic, by name; None for no line,
            which keeps the name's colour for the other panels.
        top: where a linear axis ends; 0 for a logarithmic one.
    """

    heading: str
    lines: dict[str, Sequence[float] | None]
    top: float = 0.0


def plot(title: str, places: Sequence[str], below: str, panels: Sequence[Panel]) -> str:
    """Lines over places.

    Args:
        title: what the picture shows.
        places: what stands below the panels, from left to right.
        below: what the places are.
        panels: from top to bottom.
    """
    drawn: list[str] = []
    bottom = TOP
    for panel in panels:
        start = bottom + 18
        bottom = start + HEIGHT
        drawn.append(f'<text class="group" x="16" y="{start - 16}">{escape(panel.heading)}</text>')
        drawn += _panel(panel, len(places), start)
        for number, place in enumerate(places):
            x = _across(number, len(places))
            drawn.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{place}</text>')
        bottom += GAP
    middle = (LEFT + WIDTH - RIGHT) / 2
    drawn.append(f'<text x="{middle}" y="{bottom - 18}" text-anchor="middle">{below}</text>')
    return drawing(title, drawn, bottom, _STYLE, _DARK)


def _across(number: int, count: int) -> float:
    return round(LEFT + 24 + number * (WIDTH - LEFT - RIGHT - 48) / max(1, count - 1), 1)


class _Scale:
    """From a value to its height in the picture, and the marks beside it."""

    def __init__(self, panel: Panel, start: int) -> None:
        self._start, self._log = start, not panel.top
        values = [value for line in panel.lines.values() for value in line or () if value]
        if self._log:
            self._low = math.floor(math.log10(min(values)))
            self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
            self.marks = [10.0**power for power in range(self._low, self._high + 1)]
        else:
            self._low, self._high = 0, math.ceil(panel.top)
            self.marks = [number / 2 for number in range(2 * self._high + 1)]

    def height(self, value: float) -> float:
        at = math.log10(value or 10**self._low) if self._log else value
        share = min(1.0, (at - self._low) / (self._high - self._low))
        return round(self._start + HEIGHT * (1 - share), 1)


def _panel(panel: Panel, count: int, start: int) -> list[str]:
    scale = _Scale(panel, start)
    drawn: list[str] = []
    for mark in scale.marks:
        y = scale.height(mark)
        drawn.append(
            f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>'
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{mark:,g}</text>'
        )
    ends: dict[int, tuple[float, str]] = {}
    for number, (name, values) in enumerate(panel.lines.items()):
        if values is None:
            continue
        points = [
            (_across(place, count), scale.height(value)) for place, value in enumerate(values)
        ]
        drawn.append(_line(number, points))
        ends[number] = (points[-1][1], name)
    return drawn + _names(ends)


def _line(number: int, points: list[tuple[float, float]]) -> str:
    path = " ".join(f"{x},{y}" for x, y in points)
    dots = "".join(f'<circle class="dot" cx="{x}" cy="{y}" r="3.5"/>' for x, y in points)
    dashes = _DASHES[number % len(_DASHES)]
    return (
        f'<g class="c{number}"><polyline class="line" stroke-dasharray="{dashes}" '
        f'points="{path}"/>{dots}</g>'
    )


def _names(ends: dict[int, tuple[float, str]]) -> list[str]:
    """Each name at the end of its line, or a little lower where two would meet."""
    drawn: list[str] = []
    last = -math.inf
    for number, (y, name) in sorted(ends.items(), key=lambda item: item[1]):
        last = max(y, last + _APART)
        x = WIDTH - RIGHT
        drawn.append(
            f'<line class="c{number}" x1="{x - 20}" y1="{y}" x2="{x + 6}" y2="{last}"/>'
            f'<text x="{x + 12}" y="{last + 4}">{escape(name)}</text>'
        )
    return drawn
