"""The demo: its programs are twins, its run is real, and what it says follows from that run."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from instep.cli import main
from instep.errors import Misuse
from instep.races import demo
from instep.races.demo import PROGRAMS, WAYS, Result, why
from instep.races.load import Outcome, Request
from instep.races.prove import Run
from instep.races.verdict import judge

ROOT = Path(__file__).parents[1]


def source(program: str) -> list[str]:
    """The code of an example, a line per statement, without its docstring."""
    tree = ast.parse((ROOT / "examples" / f"{program}.py").read_text())
    return ast.unparse(tree.body[1:]).splitlines()


@pytest.fixture(scope="module")
def printed() -> str:
    """What `instep demo` prints here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_twins_differ_in_two_lines_and_an_import() -> None:
    """Sharing the counter takes one line to open the store, and one to declare the object."""
    plain, shared = source("counter_global"), source("counter_shared")
    assert [line for line in plain if line not in shared] == ["global_obj = SomeObj(0)"]
    assert [line for line in shared if line not in plain] == [
        "from instep.flask import Instep",
        "shared = Instep(app)",
        "global_obj = shared.share('global_obj', SomeObj, 0)",
    ]


def test_the_demo_runs(printed: str) -> None:
    """The shared object is right in every way, the window in none, and four globals are not one."""
    for way in WAYS:
        row = re.search(rf"{way} +(\d+) of 100 (\w+) +(\d+) of 100 (\w+) +(.+)", printed)
        assert row, printed
        assert row[5].strip() == "100 of 100 right"
        assert int(row[3]) < 100
        assert row[4] == "wrong"
        assert way.cell.workers == 1 or (int(row[1]) < 100 and row[2] == "wrong")


def test_the_demo_says_how_to_go_on(printed: str) -> None:
    """The commands by hand name this checkout as it is seen from here."""
    assert "  cd examples\n" in printed
    assert "gunicorn --workers 4 --threads 2 counter_shared:app" in printed


def test_the_demo_needs_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package says that it does not carry the examples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "a" / "b" / "c" / "d" / "demo.py"))
    with pytest.raises(Misuse, match="Clone the repository"):
        demo.examples()


def results(*, race: bool) -> Iterator[Result]:
    """Outcomes as they might be elsewhere: with threads that collide in one worker, or not."""
    for program in PROGRAMS:
        for way in WAYS:
            numbers = [1, 2, 2] if race and way.cell.workers == 1 else [1, 2, 3]
            requests = [
                Request(0, 0, 9, Outcome.ANSWERED, 200, number, pid=1, thread=1)
                for number in numbers
            ]
            yield Result(program, way, Run(way.cell, 1, requests, [], judge(requests), ""))


def test_what_it_says_follows_from_what_happened() -> None:
    """A plain global that survived one worker is explained otherwise than one that did not."""
    survived, fell = why(list(results(race=False)))[0], why(list(results(race=True)))[0]
    assert "one worker gave 3 and 3 different numbers of 3, so nothing was seen" in survived
    assert "even one worker handed out 2 and 2 different numbers of 3" in fell


def test_a_shared_object_that_failed_would_be_told() -> None:
    """The count of right runs is computed, not promised."""
    assert "shared object: right in 2 of 4 runs" in why(list(results(race=True)))[2]
    assert "shared object: right in 4 of 4 runs" in why(list(results(race=False)))[2]
