"""Excerpts: marks stand under what they mean, whatever the line is made of."""

import pytest

from handmade import SHOP, entry
from instep.races.checking.excerpt import cells, excerpt, visible
from instep.races.checking.report import Entry

CELLS = {"漢": 2, "字": 2, "\u0301": 0}
"""How wide letters are on a terminal."""


def shown(one: Entry, lines: list[str], width: int = 80) -> list[str]:
    """The excerpt as plain lines."""
    pieces = excerpt(one.sites, {"shop.py": lines}, main=one.site, width=width)
    return ["".join(text for text, _ in line) for line in pieces]


def marked(text: list[str]) -> str:
    """What stands above the main mark, cell by cell."""
    row = next(index for index, line in enumerate(text) if "^" in line)
    first, count = text[row].index("^"), text[row].count("^")
    above = "".join(letter * CELLS.get(letter, 1) for letter in text[row - 1])  # a cell each
    return above[first : first + count]


def test_as_compilers_print_it() -> None:
    """Path, line and column; the read marked with -, the write with ^."""
    assert shown(entry(lock="guard"), SHOP) == [
        " --> shop.py:8:9 in create",
        "  |",
        "7 |     if code not in orders:",
        "  |                    ------ tested here",
        "8 |         orders[code] = draw()",
        "  |         ^^^^^^^^^^^^ written here, holding `guard`",
    ]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("\t\torders[code] = draw()", "orders[code]"),
        ('    x = "漢字"; orders[code] = 1', "orders[code]"),
        ('    x = "e\u0301"; orders[code] = 1', "orders[code]"),
        ("    self.x; orders[a[0]](1).b = 1", "orders[a[0]](1).b"),
        ("    orders['a' \\", "orders['a' \\"),
        ("    orders = 1  # the rest", "orders"),
        ("    x\x1b[2J; orders = 1", "orders"),
    ],
)
def test_marks_stand_where_they_belong(line: str, meant: str) -> None:
    """Tabs, wide characters, accents, brackets, open statements, control characters."""
    lines = ["def f():", line]
    one = entry(lines, read=None, write=(2, "orders"))
    text = shown(one, lines)
    assert marked(text) == meant
    assert "\x1b" not in "".join(text)


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("before", [0, 30, 200])
@pytest.mark.parametrize("letter", ["x", "漢"])
def test_long_lines_are_cropped_around_the_mark(width: int, before: int, letter: str) -> None:
    """The mark is on the screen, and no line is wider than it."""
    lines = ["def f():", f"    '{letter * before}'; orders[code] = '{letter * 200}'"]
    text = shown(entry(lines, read=None, write=(2, "orders")), lines, width)
    assert max(map(cells, text)) <= width
    assert marked(text) == "orders[code]"


def test_what_lies_between_is_left_out() -> None:
    """Two lines are shown, more are dots."""
    lines = ["orders = 1", "a", "b", "orders = 2", "c", "d", "e", "orders = 3"]
    one = entry(lines, read=(1, "orders"), write=(4, "orders"), more=[(8, "orders")])
    text = shown(one, lines)
    assert [line for line in text if "^" not in line and "---" not in line][2:] == [
        "1 | orders = 1",
        "2 | a",
        "3 | b",
        "4 | orders = 2",
        "...",
        "8 | orders = 3",
    ]


def test_a_line_that_is_not_there() -> None:
    """A place that does not fit its file is shown without source, not as an error."""
    one = entry()
    assert shown(one, [])[0] == " --> shop.py:8:9 in create"


def test_a_byte_order_mark_and_carriage_returns() -> None:
    """Neither moves a mark."""
    lines = ["\ufefforders = 1\r"]
    clean = ["orders = 1"]
    one = entry(lines, read=None, write=(1, "orders"))
    assert entry(clean, read=None, write=(1, "orders")).site.end_column == 7
    assert "\r" not in "".join(shown(one, lines))


def test_text_that_turns_around() -> None:
    """Marks that change the direction of a text are made visible."""
    assert visible("a\u202eb\u2066") == "a?b?"
