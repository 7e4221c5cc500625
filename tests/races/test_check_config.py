"""`[tool.instep.check]`: where it is looked for, what it may say, and who wins."""

from pathlib import Path

import pytest

from instep.errors import Misuse
from instep.races.checking.config import Config, found
from instep.races.rules import RULES
from instep.races.rules.finding import Severity


def project(folder: Path, text: str) -> Path:
    """A project with this in its table."""
    (folder / "pyproject.toml").write_text(f"[tool.instep.check]\n{text}\n")
    return folder


def test_every_key(tmp_path: Path) -> None:
    """Each has its effect; paths are taken from the folder of the file."""
    project(
        tmp_path,
        'select = ["IS1"]\nignore = ["IS102"]\nexclude = ["demo/*"]\n'
        'min-severity = "low"\nbaseline = "known.json"',
    )
    config = found(tmp_path / "app" / "views.py")
    assert config == Config(
        ("IS1",), ("IS102",), ("demo/*",), Severity.LOW, tmp_path / "known.json", tmp_path
    )
    assert config.rules() == RULES.keys() - {"IS102"}


def test_the_nearest_table_wins(tmp_path: Path) -> None:
    """A pyproject.toml without the table is passed over; without any, everything is as usual."""
    project(tmp_path, 'select = ["IS101"]')
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert found(inner).select == ("IS101",)
    project(inner, 'select = ["IS103"]')
    assert found(inner / "app.py").select == ("IS103",)


def test_the_command_line_wins(tmp_path: Path) -> None:
    """Key by key; what is not given stays."""
    project(tmp_path, 'select = ["IS101"]\nexclude = ["a"]')
    config = found(tmp_path).given(select=("IS110",), exclude=(), min_severity=None)
    assert (config.rules(), config.exclude) == ({"IS110"}, ("a",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("selct = []", "no key 'selct'; did you mean select?"),
        ("min_severity = 'low'", "did you mean min-severity?"),
        ("colour = true", "there are select, ignore, exclude, min-severity, baseline"),
        ("select = 'IS101'", "select is a list of strings, not 'IS101'"),
        ("ignore = [101]", "ignore is a list of strings"),
        ("exclude = ['']", "exclude is a list of strings"),
        ("min-severity = 'worst'", "min-severity is one of high, medium, low, not 'worst'"),
        ("min-severity = 3", "min-severity is one of high, medium, low, not 3"),
        ("min-severity = ['low']", "min-severity is one of high, medium, low"),
        ("baseline = true", "baseline is the path of a file"),
        ("select = ['IS1O1']", "select: there is no rule 'IS1O1'; did you mean IS1"),
        ("ignore = ['E501']", "ignore: there is no rule 'E501'"),
        ("= 3", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    """The file, the key and what is allowed."""
    with pytest.raises(Misuse) as caught:
        found(project(tmp_path, text))
    assert said in str(caught.value)
    assert str(tmp_path / "pyproject.toml") in str(caught.value)


@pytest.mark.parametrize("text", ["tool = 3", "[tool]\ninstep = []", "[tool.instep]\ncheck = 1"])
def test_a_table_that_is_none(tmp_path: Path, text: str) -> None:
    """Refused if it is ours, passed over if it is not."""
    (tmp_path / "pyproject.toml").write_text(text)
    if "check" in text:
        with pytest.raises(Misuse, match=r"tool\.instep\.check is a table"):
            found(tmp_path)
    else:
        assert found(tmp_path).rules() == set(RULES)


@pytest.mark.parametrize("word", ["", "I", "IS9", "X", "is 101"])
def test_ids_that_are_none(word: str) -> None:
    """An id that would silently choose nothing, or everything, is refused."""
    with pytest.raises(Misuse, match="there is no rule"):
        Config(select=(word,))


def test_ids_in_any_case() -> None:
    """And by their beginning."""
    assert Config(select=("is101", "IS10")).rules() == {
        rule for rule in RULES if rule.startswith("IS10")
    }
