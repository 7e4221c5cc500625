"""Ignore comments: what they are, what they speak of, what they silence, what is said of them."""

import pytest

from handmade import SHOP, entry
from instep.races.checking.comments import ignores
from instep.races.checking.report import Entry, Silenced
from instep.races.checking.suppression import Comments
from instep.races.rules import RULES


def judged(lines: list[str], **options: object) -> tuple[Entry | Silenced, list[str]]:
    """What becomes of a finding in these lines, and the kinds of notes."""
    comments = Comments({"shop.py": lines})
    outcome = comments.judge(entry(lines, **options))
    return outcome, [note.kind for note in comments.notes(set(RULES))]


def with_comment(line: int, comment: str) -> list[str]:
    """The shop with something at the end of a line."""
    lines = list(SHOP)
    lines[line - 1] += comment
    return lines


@pytest.mark.parametrize(
    ("comment", "ids", "reason"),
    [
        ("# instep: ignore[IS103] one process", {"IS103"}, "one process"),
        ("# instep: ignore[IS103, is110]", {"IS103", "IS110"}, ""),
        ("#instep:ignore - it is a demo", None, "it is a demo"),
        ("# noqa: X # instep: ignore", None, ""),
        ("# instep: ignore [IS103]: why # noqa", {"IS103"}, "why"),
    ],
)
def test_forms(comment: str, ids: set[str] | None, reason: str) -> None:
    """Ids in brackets or all, spaces or none, a reason or none, beside other tools' comments."""
    [one] = ignores(["n = 0", f"n = 1  {comment}"])
    assert (one.ids, one.reason, one.first, one.last) == (ids, reason, 2, 2)


@pytest.mark.parametrize(
    "line",
    [
        'x = "# instep: ignore"',
        "x = 1  # instep: ignored",
        "x = 1  # instep: ignore-file",
        "x = 1  # not instep: ignore",
    ],
)
def test_what_is_no_such_comment(line: str) -> None:
    """Strings and other words silence nothing."""
    assert ignores([line]) == []


def test_a_comment_speaks_of_its_whole_statement() -> None:
    """A statement of several lines is one, and a comment above speaks of the next one."""
    lines = ["f(", "    1,  # instep: ignore", ")", "", "# instep: ignore[IS101]", "# why", "g()"]
    assert [(one.line, one.first, one.last) for one in ignores(lines)] == [(2, 1, 3), (5, 7, 7)]


def test_a_header_is_not_its_body() -> None:
    """A comment on `for …:` does not reach into the loop."""
    [one] = ignores(["for x in d:  # instep: ignore", "    d[x] = 1"])
    assert (one.first, one.last) == (1, 1)


def test_a_file_that_ends_within_a_statement() -> None:
    """What cannot be tokenized to its end still has the comments before that."""
    assert [one.line for one in ignores(["n = 1  # instep: ignore", "x = ("])] == [1]


@pytest.mark.parametrize("line", [7, 8])
def test_on_the_read_or_the_write(line: int) -> None:
    """Either silences the finding, and the reason is kept."""
    outcome, notes = judged(with_comment(line, "  # instep: ignore[IS110] a demo"))
    assert isinstance(outcome, Silenced)
    assert (outcome.by, outcome.reason, notes) == ("comment", "a demo", [])


def test_another_rule_is_not_silenced() -> None:
    """And the comment is called unused."""
    outcome, notes = judged(with_comment(8, "  # instep: ignore[IS101]"))
    assert isinstance(outcome, Entry)
    assert notes == ["unused"]


def test_an_unknown_id_is_reported() -> None:
    """With the nearest there is, and nothing is silenced by it."""
    comments = Comments({"shop.py": with_comment(8, "  # instep: ignore[IS1O3]")})
    assert isinstance(comments.judge(entry()), Entry)
    [note] = comments.notes(set(RULES))
    assert (note.kind, note.path, note.line) == ("unknown", "shop.py", 8)
    assert "no rule 'IS1O3'; did you mean IS1" in note.text


def test_empty_brackets_are_reported() -> None:
    """They name nothing, so they silence nothing."""
    outcome, notes = judged(with_comment(8, "  # instep: ignore[]"))
    assert isinstance(outcome, Entry)
    assert notes == ["unknown"]


def test_one_write_of_two() -> None:
    """The finding moves to the other one, so that a comment does not hide what comes later."""
    lines = [*with_comment(8, "  # instep: ignore"), "    orders.clear()"]
    outcome, notes = judged(lines, more=[(10, "orders")])
    assert isinstance(outcome, Entry)
    assert outcome.site.line == 10
    assert 8 not in {site.line for site in outcome.sites}
    assert notes == []


def test_all_writes() -> None:
    """Silenced when each of them has a comment."""
    lines = [*with_comment(8, "  # instep: ignore"), "    orders.clear()  # instep: ignore x"]
    outcome, _ = judged(lines, more=[(10, "orders")])
    assert isinstance(outcome, Silenced)
    assert outcome.reason == "x"


def test_a_rule_that_was_not_asked() -> None:
    """A comment about it is not called unused."""
    comments = Comments({"shop.py": with_comment(8, "  # instep: ignore[IS101]")})
    assert list(comments.notes({"IS110"})) == []
