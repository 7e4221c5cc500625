"""The baseline: it survives lines that move, and forgets lines that changed."""

import json
from pathlib import Path

import pytest

from handmade import SHOP, entry
from instep.errors import Misuse
from instep.races.checking.baseline import read_baseline, stale, write_baseline
from instep.races.writing import write


def moved(text: str = "orders[code] = draw()") -> list[str]:
    """The shop with two more lines at its top, and another line 8."""
    return ["# one", "# two", *SHOP[:7], f"        {text}", *SHOP[8:]]


def test_what_moved_is_the_same() -> None:
    """Other line numbers, other spaces, a new comment: the same fingerprint."""
    first = entry().fingerprint
    assert entry(moved(), read=(9, "orders"), write=(10, "orders")).fingerprint == first
    spaced = moved("orders[code]  =  draw()  # new")
    assert entry(spaced, read=(9, "orders"), write=(10, "orders")).fingerprint == first


def test_what_changed_is_another() -> None:
    """Another line, another rule, another object, another file."""
    first = entry().fingerprint
    others = [
        entry(moved("orders[code] = make()"), read=(9, "orders"), write=(10, "orders")),
        entry(rule="IS101"),
        entry(name="stock"),
        entry(path="store.py"),
    ]
    assert first not in {one.fingerprint for one in others}


def test_written_and_read(tmp_path: Path) -> None:
    """What was written is known, in an order that does not depend on the findings'."""
    file = tmp_path / "baseline.json"
    assert write_baseline(file, [entry(), entry(rule="IS101"), entry()]) == 2
    assert [one["rule"] for one in json.loads(file.read_text())["findings"]] == ["IS101", "IS110"]
    known = read_baseline(file)
    assert known.keys() == {entry().fingerprint, entry(rule="IS101").fingerprint}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"version": 9, "findings": []}', '{"version": 1, "findings": [1]}']
)
def test_what_is_no_baseline(tmp_path: Path, content: str) -> None:
    """Refused with the option that writes one."""
    file = tmp_path / "baseline.json"
    file.write_text(content)
    with pytest.raises(Misuse, match=r"is not a baseline.*--write-baseline"):
        read_baseline(file)


def test_a_baseline_that_is_not_there(tmp_path: Path) -> None:
    """Refused: a wrong name must not mean that everything is new, or that nothing is."""
    with pytest.raises(Misuse, match="cannot be read: No such file"):
        read_baseline(tmp_path / "none.json")


def test_entries_that_are_no_more(tmp_path: Path) -> None:
    """Told if their file was read or is gone, and not if it was not looked at."""
    file = tmp_path / "baseline.json"
    write_baseline(file, [entry()])
    known = read_baseline(file)
    [note] = stale(known, set(), {"shop.py"}, tmp_path)
    assert (note.kind, note.path) == ("stale", "shop.py")
    assert stale(known, {entry().fingerprint}, {"shop.py"}, tmp_path) == []
    assert len(stale(known, set(), {"other.py"}, tmp_path)) == 1
    (tmp_path / "shop.py").write_text("")
    assert stale(known, set(), {"other.py"}, tmp_path) == []
    assert len(stale(known, set(), {"shop.py"}, tmp_path)) == 1


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    """It keeps its mode, a link stays a link, nothing is left beside it, and failing says why."""
    file, link = tmp_path / "a.json", tmp_path / "link.json"
    write(file, "one")
    file.chmod(0o640)
    link.symlink_to(file)
    write(link, "two \ud800")
    assert file.read_text() == "two \\ud800"
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "link.json"]
    with pytest.raises(Misuse, match="cannot be written: No such file or directory"):
        write(tmp_path / "no" / "a.json", "")
    with pytest.raises(Misuse, match="cannot be written: Is a directory"):
        write(tmp_path, "")
