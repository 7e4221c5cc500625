"""instep's own sources and examples, checked as a user checks a project."""

from pathlib import Path

import pytest

from instep.races.checking import Report, check
from instep.races.checking.config import found

ROOT = Path(__file__).parents[2]
RACY = {
    "examples/counter_global.py",
    "examples/counter_window.py",
    "examples/shop/shop.py",
}
"""Examples of what breaks; pyproject.toml keeps them out."""


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of the checkout."""
    monkeypatch.chdir(ROOT)
    return ROOT


def told(report: Report) -> list[str]:
    """What was found, in a line each."""
    return [f"{one.site.path}:{one.site.line} {one.finding.title}" for one in report.findings]


def test_our_sources_and_examples_pass(here: Path) -> None:
    """With the project's configuration; what a comment silences has a reason, and is still so."""
    report = check([here], config=found(here))
    assert told(report) == []
    assert report.broken == []
    assert report.files > 300
    assert report.actors > 10
    assert [note.text for note in report.notes] == []
    assert report.silenced
    assert all(one.by == "comment" and one.reason for one in report.silenced)


def test_the_examples_of_what_breaks_are_found(here: Path) -> None:
    """Each of them, and no other example."""
    report = check([here / "examples"])
    assert {one.site.path for one in report.findings} == RACY, told(report)
