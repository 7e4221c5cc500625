"""Charts: horizontal bars as SVG text, readable on light and on dark pages."""

import math
from dataclasses import dataclass
from html import escape

from benchmarks.drawing import WIDTH, drawing

BAR, GAP, LEFT, RIGHT, TOP = 18, 6, 270, 90, 64

_STYLE = ".peer { fill: #8c959f } .ours { fill: #0072b2 }"
_DARK = " .ours { fill: #56b4e9 }"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Args:
        name: what stands left of it.
        value: its length, above 0.
        text: what stands right of it.
        ours: whether it is instep's.
    """

    name: str
    value: float
    text: str
    ours: bool


def chart(title: str, unit: str, groups: dict[str, list[Bar]]) -> str:
    """Bars on a logarithmic axis, in groups with a heading each.

    Args:
        title: what the picture shows.
        unit: what the axis counts.
        groups: the bars by heading.
    """
    values = [bar.value for bars in groups.values() for bar in bars]
    low = math.floor(math.log10(min(values)))
    high = max(math.ceil(math.log10(max(values))), low + 1)
    drawn: list[str] = []
    y = TOP
    for heading, bars in groups.items():
        drawn.append(f'<text class="group" x="16" y="{y + 14}">{escape(heading)}</text>')
        y += BAR + GAP
        for bar in bars:
            drawn += _bar(bar, y, _place(bar.value, low, high))
            y += BAR + GAP
        y += GAP
    return drawing(title, [*_axis(low, high, y, unit), *drawn], y + 44, _STYLE, _DARK)


def _place(value: float, low: int, high: int) -> float:
    share = (math.log10(value) - low) / (high - low)
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _bar(bar: Bar, y: int, end: float) -> list[str]:
    kind = "ours" if bar.ours else "peer"
    width = max(end - LEFT, 1)
    return [
        f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(bar.name)}</text>',
        f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>',
        f'<text x="{LEFT + width + 6:.1f}" y="{y + 14}">{escape(bar.text)}</text>',
    ]


def _axis(low: int, high: int, bottom: int, unit: str) -> list[str]:
    lines: list[str] = []
    for power in range(low, high + 1):
        x = _place(10.0**power, low, high)
        lines.append(f'<line class="grid" x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{bottom}"/>')
        label = f"{10.0**power:,.{max(0, -power)}f}"
        lines.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{label}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle">{escape(unit)}</text>')
    return lines
