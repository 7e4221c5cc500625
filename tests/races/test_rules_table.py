"""The table of rules in the documentation is the table of rules in the code."""

import re
from pathlib import Path

import pytest

from instep.races.rules import RULES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "rules.md"
ROW = re.compile(r"^\| \[(IS\d+)\]\((\S+)\) \| (\S+) \| (\w+) \| (.+) \|$", re.MULTILINE)


def test_every_rule_is_in_the_table() -> None:
    """Ids, names, severities and summaries are those of the code, in its order."""
    rows = [(row[0], *row[2:]) for row in ROW.findall(PAGE.read_text())]
    assert rows == [
        (rule.id, rule.name, str(rule.severity), rule.summary) for rule in RULES.values()
    ], "run docs/record.py docs/rules.md"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_leads_to_its_page(rule: str) -> None:
    """The link goes to the page that `instep explain` prints."""
    links = {row[0]: row[1] for row in ROW.findall(PAGE.read_text())}
    page = (PAGE.parent / links[rule]).resolve()
    assert page.read_text().startswith(f"# {rule}")
