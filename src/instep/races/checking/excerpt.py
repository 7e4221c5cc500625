"""A piece of source with marks under it, as good compilers print it.

How it stays right. What is shown is made of cells of a terminal: a tab is as wide as its stop, a
Chinese character two cells, an accent none, and a control character, which could move the cursor,
is replaced; columns are counted on what is shown, not on what the file has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from unicodedata import category, east_asian_width

from .report import Site

Line = list[tuple[str, str]]
"""A line as pieces: text and style."""

GUTTER, MAIN, OTHER, PLAIN = "bold blue", "bold red", "bold blue", ""
GAP = 2
"""So many lines between two marks are shown; more are left out."""
_TAB = 4
_SHORTEST = 24
"""Cells of source that are shown at least, however narrow the terminal is."""


def excerpt(
    sites: Sequence[Site], sources: Mapping[str, Sequence[str]], *, main: Site, width: int
) -> Iterator[Line]:
    """The lines of the sites, file by file, with marks.

    Args:
        sites: what to mark, the most important first.
        sources: the lines of each file.
        main: the site that is marked with `^`; the others get `-`.
        width: of the terminal, in cells.
    """
    digits = max(len(str(site.line)) for site in sites)
    paths = dict.fromkeys(site.path for site in (main, *sites))
    for number, path in enumerate(paths):
        here = sorted(
            {site for site in sites if site.path == path},
            key=lambda site: (site.line, site.column, site != main),
        )
        head = main if main in here else here[0]
        arrow = ":::" if number else "-->"
        where = f"{visible(path)}:{head.line}:{head.column}"
        yield [(" " * digits + arrow, GUTTER), (f" {where}{_function(head)}", PLAIN)]
        yield [(" " * digits + " |", GUTTER)]
        yield from _file(here, sources.get(path, ()), main, digits, width)


def _function(site: Site) -> str:
    name = site.function.rpartition(".")[2]
    return f" in {visible(name)}" if name and not name.startswith("<module") else ""


def _file(
    sites: Sequence[Site], lines: Sequence[str], main: Site, digits: int, width: int
) -> Iterator[Line]:
    last = 0
    room = max(width - digits - 3, _SHORTEST)
    for line, marks in groupby(sites, key=lambda site: site.line):
        if last and line - last - 1 <= GAP:
            for between in range(last + 1, line):
                yield _source(lines, between, digits, room, 0)
        elif last:
            yield [("." * max(digits, 3), GUTTER)]
        here = list(marks)
        begin = _begin(_text(lines, line), here, room)
        yield _source(lines, line, digits, room, begin)
        for site in here:
            yield from _marks(_text(lines, line), site, site == main, digits, room, begin)
        last = line


def _text(lines: Sequence[str], number: int) -> str:
    return lines[number - 1].rstrip() if 0 < number <= len(lines) else ""


def _source(lines: Sequence[str], number: int, digits: int, room: int, begin: int) -> Line:
    shown = cropped(visible(_text(lines, number)), begin, room)
    return [(f"{number:>{digits}} |", GUTTER), (f" {shown}" if shown else "", PLAIN)]


def _begin(text: str, sites: Sequence[Site], room: int) -> int:
    """The first cell to show, so that the marks of a long line are on the screen."""
    if cells(visible(text)) <= room:
        return 0
    first = min(cells(visible(text[: site.column - 1])) for site in sites)
    last = max(cells(visible(text[: site.end_column - 1])) for site in sites)
    if last + 2 <= room:
        return 0
    return max(0, min(first - 4, last + 8 - room) if last - first < room - 12 else first - 4)


def _marks(text: str, site: Site, main: bool, digits: int, room: int, begin: int) -> Iterator[Line]:
    """The marks under a line, and what they say: beside them, or below if that is too long."""
    style = MAIN if main else OTHER
    start = cells(visible(text[: site.column - 1])) - begin
    start = max(0, min(start, room - 1))
    end = cells(visible(text[: site.end_column - 1])) - begin
    count = max(1, min(end, room) - start)
    marks, gutter = ("^" if main else "-") * count, (" " * digits + " |", GUTTER)
    if start + count + 1 + cells(site.label) <= room:
        yield [gutter, (f" {' ' * start}{marks} {visible(site.label)}", style)]
        return
    yield [gutter, (f" {' ' * start}{marks}", style)]
    indent = max(0, min(start, room - cells(site.label)))
    yield [gutter, (f" {' ' * indent}{visible(site.label)}", style)]


def visible(text: str) -> str:
    """A text without tabs and without what would move a cursor."""
    if "\t" in text:
        text = text.expandtabs(_TAB)
    if text.isprintable():
        return text
    return "".join(
        "?" if category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _TURNING else letter
        for letter in text
    )


_TURNING = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""Marks that turn the direction of what follows."""


def cells(text: str) -> int:
    """How wide a text is on a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(letter: str) -> int:
    if category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(letter) in "WF" else 1


def cropped(text: str, begin: int, room: int) -> str:
    """The cells of a text from `begin` on that fit, with dots where something was left out."""
    if not begin and cells(text) <= room:
        return text
    left, column = "", 0
    for letter in text:
        width = _cells(letter)
        if begin <= column and column - begin + width <= room:
            left += letter
        elif column < begin < column + width:
            left += " "
        column += width
    if begin:
        left = _dots(left[:3]) + left[3:]
    return left[:-3] + _dots(left[-3:]) if column - begin > room else left


def _dots(text: str) -> str:
    return "." * cells(text)
