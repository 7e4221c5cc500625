"""Pictures of a run, as SVG text: numbers over time, and how long the answers took."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from instep.races.diseases import by_number
from instep.races.load import Request

WIDTH, HEIGHT = 460, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 40
DOTS = 1_500
"""Beyond so many answers only every n-th is drawn; a page must stay one that a browser opens."""

# Okabe and Ito's palette, which colour-blind readers can tell apart; the eighth is for the rest.
PALETTE = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#8c6d31",
    "#7b61ff",
    "#888888",
)


@dataclass(frozen=True, slots=True)
class Axes:
    """Maps values to places in the picture, and draws the frame around them.

    Args:
        across: the largest value on the horizontal axis, which begins at 0.
        low: the smallest value on the vertical axis.
        high: the largest one.
    """

    across: float
    low: float
    high: float

    def x(self, value: float) -> float:
        """The horizontal place of a value."""
        return round(LEFT + value / (self.across or 1) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """The vertical place of a value."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def frame(self, horizontal: str, vertical: str) -> Iterable[str]:
        """Grid lines with their values, and what the axes mean."""
        for value in ticks(0, self.across):
            x = self.x(value)
            yield f'<line class="grid" x1="{x}" y1="{TOP}" x2="{x}" y2="{HEIGHT - BOTTOM}"/>'
            yield f'<text x="{x}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{value:g}</text>'
        for value in ticks(self.low, self.high):
            y = self.y(value)
            yield f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{value:g}</text>'
        middle = (HEIGHT - BOTTOM + TOP) // 2
        below = f'x="{(WIDTH + LEFT) // 2}" y="{HEIGHT - 8}"'
        beside = f'x="12" y="{middle}" transform="rotate(-90 12 {middle})"'
        yield f'<text {below} text-anchor="middle">{horizontal}</text>'
        yield f'<text {beside} text-anchor="middle">{vertical}</text>'


def ticks(low: float, high: float) -> list[float]:
    """About five round values between two: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / 5 or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(place * step, 9) for place in range(first, last + 1)]


def colours(answers: Sequence[Request]) -> dict[int | None, str]:
    """A colour for each process, in the order in which they first answered."""
    pids = list(dict.fromkeys(answer.pid for answer in answers))
    last = len(PALETTE) - 1
    return {pid: PALETTE[min(place, last)] for place, pid in enumerate(pids)}


def numbers_over_time(requests: Sequence[Request]) -> str:
    """Each answer's number at the time when it arrived; duplicates are ringed."""
    answers = [request for request in requests if request.number is not None]
    if not answers:
        return ""
    numbers = [answer.number or 0 for answer in answers]
    axes = Axes(max(answer.end for answer in answers) / 1e6, min(numbers), max(numbers))
    groups, colour = by_number(answers), colours(answers)
    shown = answers[:: -(-len(answers) // DOTS)]
    size = 3.2 if len(shown) <= 200 else 2.0
    parts = list(axes.frame("ms since all clients were let go", "number"))
    for answer in shown:
        place = f'cx="{axes.x(answer.end / 1e6)}" cy="{axes.y(answer.number or 0)}"'
        parts.append(f'<circle {place} r="{size}" fill="{colour[answer.pid]}"/>')
        if len(groups[answer.number or 0]) > 1:
            parts.append(f'<circle class="twice" {place} r="{size + 1.8:.1f}"/>')
    return _svg("Numbers over time, by process; duplicates are ringed", parts)


def latencies(requests: Sequence[Request]) -> str:
    """The share of requests that were over within a time; median and 99th percentile."""
    spans = sorted((request.end - request.start) / 1e6 for request in requests)
    if not spans:
        return ""
    axes = Axes(spans[-1], 0, 100)
    parts = list(axes.frame("ms until the answer", "% of requests"))
    steps = range(0, len(spans), -(-len(spans) // DOTS))
    line = [(axes.x(spans[i]), axes.y(100 * (i + 1) / len(spans))) for i in steps]
    points = " ".join(f"{x},{y}" for x, y in line)
    parts.append(f'<polyline class="curve" points="{points}"/>')
    median, slow = percentile(spans, 50), percentile(spans, 99)
    for percent, span in ((50, median), (99, slow)):
        place = f'cx="{axes.x(span)}" cy="{axes.y(percent)}"'
        parts.append(f'<circle class="mark" {place} r="3.5"/>')
    corner = f'x="{WIDTH - RIGHT - 8}" y="{HEIGHT - BOTTOM - 8}" text-anchor="end"'
    parts.append(f"<text {corner}>p50 {median:.1f} ms, p99 {slow:.1f} ms</text>")
    return _svg("Latencies", parts)


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent do not exceed (nearest rank)."""
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


def _svg(title: str, parts: Iterable[str]) -> str:
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{"".join(parts)}</svg>'
