"""The page of each rule: its racy example is found, its sound ones are not, and all of them run."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

from instep.errors import Misuse
from instep.races.reading import read
from instep.races.rules import RULES, find, page
from instep.races.rules.finding import Finding, Severity

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOLDER = Path(sys.modules[page.__module__].__file__ or "").with_name("pages")


def section(rule: str, heading: str) -> list[str]:
    """The programs under a heading."""
    _, _, rest = page(rule).partition(f"\n## {heading}\n")
    return BLOCK.findall(rest.partition("\n## ")[0])


def found(source: str, folder: Path) -> list[Finding]:
    """What is found in a program."""
    (folder / "app.py").write_text(source)
    return find(read([folder], root=folder))


def serious(findings: list[Finding]) -> list[str]:
    """The rules of those that fail a check."""
    return [one.rule for one in findings if one.severity is not Severity.LOW]


@pytest.mark.parametrize("rule", RULES)
def test_the_racy_example_is_found(rule: str, tmp_path: Path) -> None:
    """One racy program, with the finding that the page is about, of a weight that fails a check."""
    (racy,) = section(rule, "Racy")
    assert rule in serious(found(racy, tmp_path))


@pytest.mark.parametrize("rule", [each for each in RULES if section(each, "Other forms")])
def test_the_other_forms_are_found(rule: str, tmp_path: Path) -> None:
    """Each of them, with this rule, of a weight that fails a check."""
    for racy in section(rule, "Other forms"):
        assert rule in serious(found(racy, tmp_path))


@pytest.mark.parametrize("rule", RULES)
def test_the_sound_examples_are_not(rule: str, tmp_path: Path) -> None:
    """At least two sound programs, one of them with instep, without this or a serious finding."""
    sound = section(rule, "Sound")
    assert len(sound) >= 2
    assert any("from instep.flask import Instep" in source for source in sound)
    for source in sound:
        findings = found(source, tmp_path)
        assert rule not in [one.rule for one in findings]
        assert serious(findings) == []


@pytest.mark.parametrize("rule", RULES)
def test_the_examples_run(rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every program of a page can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("threading.Thread.start", lambda thread: None)
    for number, source in enumerate(BLOCK.findall(page(rule))):
        module = types.ModuleType(f"page_{rule}_{number}")
        module.__file__ = str(tmp_path / "app.py")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(source, f"{rule}.md", "exec"), module.__dict__)
        connection = vars(module).get("db")
        if hasattr(connection, "commit"):
            connection.close()


@pytest.mark.parametrize("rule", RULES)
def test_a_page_begins_with_its_rule(rule: str) -> None:
    """Headings and the way to silence it are where readers look for them."""
    text = page(rule)
    assert text.startswith(f"# {rule}: {RULES[rule].summary}\n")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    usual = ["Why it breaks", "Racy", "Sound", "Other forms", "When it is wrong"]
    assert headings == [each for each in usual if each in headings or each != "Other forms"]
    assert ("Other forms" in headings) == bool(section(rule, "Other forms"))
    assert re.search(rf"# instep: ignore\[{rule}\] \w+", text)
    for target in re.findall(r"\]\((\w+)\.md\)", text):
        assert target in RULES


def test_there_is_a_page_for_each_rule_and_no_other() -> None:
    """The folder and the table agree."""
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == list(RULES)


def test_a_rule_that_is_not_there() -> None:
    """The message names those that are."""
    assert page("is101") == page("IS101")
    with pytest.raises(Misuse, match="there is no rule 'IS999'; the rules are IS101, "):
        page("IS999")
