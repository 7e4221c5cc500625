"""JSON, SARIF and GitHub: what other programs read."""

import json
from pathlib import Path
from typing import Any

import pytest

from handmade import SHOP, entry, report
from instep.errors import Misuse
from instep.races.checking import document, findings_in
from instep.races.checking.github import github
from instep.races.checking.report import Note, Report, Silenced
from instep.races.checking.sarif import sarif
from instep.races.checking.text import text
from instep.races.reading.model import Broken
from instep.races.rules import RULES
from instep.races.rules.finding import Severity


def full() -> Report:
    """A report that has something of everything."""
    one = report(entry())
    one.silenced = [
        Silenced(entry(), "comment", "a demo"),
        Silenced(entry(rule="IS101"), "baseline"),
    ]
    one.broken = [Broken("bad, one.py", 3, "invalid syntax: 100 %")]
    one.notes = [Note("unused", "nothing\nhere", "shop.py", 4)]
    one.below = {Severity.LOW: 2}
    return one


def lines(one: Report, width: int = 80, counted: bool = False) -> list[str]:
    """The text of a report."""
    return ["".join(piece for piece, _ in line) for line in text(one, width=width, counted=counted)]


def test_the_document_is_what_explore_goes_on_from(tmp_path: Path) -> None:
    """It has what the interchange format names, survives JSON, and is read again."""
    path = tmp_path / "check.json"
    path.write_text(json.dumps(document(full())))
    [found] = findings_in(path)
    assert found == document(full())["findings"][0]
    assert (found["rule"], found["severity"], found["window"]) == ("IS110", "high", "exposed")
    assert (found["path"], found["line"], found["column"]) == ("shop.py", 8, 9)
    assert found["actors"] == [
        {"name": "shop.create", "role": "view", "routes": ["POST /order"], "path": "shop.py"}
    ]
    assert [(site["line"], site["kind"]) for site in found["sites"]] == [(8, "write"), (7, "test")]
    whole = json.loads(path.read_text())
    assert whole["version"] == 1
    assert [one["by"] for one in whole["silenced"]] == ["comment", "baseline"]
    assert whole["below"] == {"low": 2}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"version": 1}',
        '{"version": 2, "findings": []}',
        '{"version": 1, "findings": [{"rule": "IS101"}]}',
        '{"version": 1, "findings": [3]}',
        "\udcff",
    ],
)
def test_what_is_no_report(tmp_path: Path, content: str) -> None:
    """Refused with the command that makes one."""
    path = tmp_path / "check.json"
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(Misuse, match="instep check --format json"):
        findings_in(path)


def test_a_report_that_is_not_there(tmp_path: Path) -> None:
    """Refused with the system's reason."""
    with pytest.raises(Misuse, match="cannot be read: No such file"):
        findings_in(tmp_path / "none.json")


def test_sarif_has_what_the_standard_requires() -> None:
    """Rules with ids, results with their rule, locations, fingerprints, suppressions."""
    log: dict[str, Any] = json.loads(json.dumps(sarif(full())))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert driver["name"] == "instep"
    assert [rule["id"] for rule in driver["rules"]] == list(RULES)
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        [location] = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "shop.py"
        assert len(result["partialFingerprints"]["instep/v1"]) == 16
    first, comment, baseline = run["results"]
    assert first["level"] == "error"
    assert first["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 8,
        "startColumn": 9,
        "endColumn": 21,
    }
    [related] = first["relatedLocations"]
    assert related["physicalLocation"]["region"]["startLine"] == 7
    assert related["message"]["text"] == "tested here"
    assert "suppressions" not in first
    assert comment["suppressions"] == [{"kind": "inSource", "justification": "a demo"}]
    assert baseline["suppressions"][0]["kind"] == "external"


def test_sarif_tells_of_broken_files() -> None:
    """As notifications of the tool, with addresses that are addresses."""
    [invocation] = sarif(full())["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is True
    broken, _ = invocation["toolExecutionNotifications"]
    place = broken["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "bad%2C%20one.py"
    assert place["region"] == {"startLine": 3}


def test_github_escapes_what_it_must() -> None:
    """One line each; %, newlines, and in properties : and , are encoded."""
    broken, error, note = github(full())
    assert broken == "::error file=bad%2C one.py,line=3::invalid syntax: 100 %25"
    assert error.startswith("::error file=shop.py,line=8,col=9,endColumn=21,title=IS110 high%3A ")
    assert "100 %25 sure" in error
    assert "%0ATested here: shop.py:7%0AReached by POST /order (shop.create)%0AFix" in error
    assert note == "::warning file=shop.py,line=4::nothing%0Ahere"


def test_severities_are_levels() -> None:
    """High is an error, medium a warning, low a notice; and likewise in SARIF."""
    for severity, command, level in (
        (Severity.HIGH, "error", "error"),
        (Severity.MEDIUM, "warning", "warning"),
        (Severity.LOW, "notice", "note"),
    ):
        one = report(entry(severity=severity))
        assert next(github(one)).startswith(f"::{command} ")
        assert sarif(one)["runs"][0]["results"][0]["level"] == level


def test_the_text_tells_what_people_need() -> None:
    """The rule, the excerpt, what breaks, who reaches it, two ways to mend it, and the sum."""
    told = lines(full())
    assert told[0] == "IS110 high, exposed: the dict `orders` is tested, and then written"
    flat = "\n".join(told)
    for part in (
        "  = breaks: Two requests get the same order.",
        "  = reached by: POST /order (shop.create)",
        "  = fix: Use a mapping: 100 % sure.",
        "  = without instep: Take a lock.",
        "not checked: bad, one.py:3: invalid syntax: 100 %",
        "1 object can break: 1 high; 1 file, 9 lines in 0.0 s",
        "not shown: 2 low (--min-severity low)",
        "1 finding silenced by comments",
        "1 finding left out, known from the baseline",
        "1 file could not be read and was not checked",
    ):
        assert part in flat, part
    assert "nothing here" not in flat


def test_the_text_with_counts() -> None:
    """`--statistics` adds how often each rule was found, and comments without use."""
    told = lines(full(), counted=True)
    assert "    1  IS110 check-then-act  high" in told
    assert "note: shop.py:4: nothing here" in told


@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_the_text_keeps_its_width(width: int) -> None:
    """No line is wider than the terminal, or than 40 cells if that is narrower."""
    assert max(map(len, lines(full(), width))) <= max(width, 40)


def test_findings_of_one_object_stand_together() -> None:
    """The object that is worst comes first, with all that is said of it; the sum counts objects."""
    two = [*SHOP, "stock = 1"]
    same, other = entry(rule="IS101"), entry(two, name="stock", write=(10, "stock"))
    one = report(entry(), other, same, lines=two)
    assert "2 objects can break: 2 high" in "\n".join(lines(one))


def test_nothing_found() -> None:
    """Said in one line."""
    assert lines(report()) == ["nothing found; 1 file, 9 lines in 0.0 s"]
