"""Every rule has a racy and a sound program, and each is told from the other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from judging import JUDGES, Case, asked, cases

import flask
import instep

SOURCE = Path(instep.__file__).parents[1]
LIBRARIES = Path(flask.__file__).parents[1]
HERE = Path(__file__).parent


def others() -> dict[str, str]:
    """The other Pythons that are found here, by version."""
    found = {}
    for version in ("3.12", "3.13"):
        if sys.version_info[:2] == tuple(map(int, version.split("."))):
            continue
        folders = [Path(folder) for folder in os.get_exec_path()]
        folders += sorted(Path.home().glob(f".pyenv/versions/{version}*/bin"))
        paths = (folder / f"python{version}" for folder in folders)
        if path := next((path for path in paths if _works(path)), None):
            found[version] = str(path)
    return found


def _works(python: Path) -> bool:
    """Whether an interpreter is there and starts."""
    if not python.is_file():
        return False
    return not subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode


OTHERS = others()


def judged(python: str, *words: str) -> dict[str, dict[str, list[str]]]:
    """What a Python says wrong, by question and case; words are for the command line."""
    path = os.pathsep.join([str(SOURCE), str(LIBRARIES)])
    done = subprocess.run(
        [python, HERE / "judging.py", *words],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_every_rule_has_both_halves() -> None:
    """Each rule that there is has a racy program that is marked with it, and a sound one."""
    from instep.races.rules import RULES

    racy = {case.name for case in cases() if case.racy}
    sound = {case.name for case in cases() if not case.racy}
    marked = {rule for case in cases() if case.racy for mark in case.marks() for rule in mark.rules}
    assert racy <= sound
    assert marked == set(RULES)
    assert {case.rule for case in cases()} == set(RULES)


def test_sound_programs_have_no_marks_and_racy_ones_do() -> None:
    """What is expected of a program fits the half it is."""
    for case in cases():
        assert bool(list(case.marks())) == case.racy, case.id


@pytest.mark.parametrize("case", asked("check"), ids=lambda case: case.id)
def test_check_tells_racy_from_sound(case: Case) -> None:
    """The racy half is named at its marked lines, the sound half is not named at all."""
    assert JUDGES["check"](case) == []


@pytest.mark.parametrize("rule", sorted({case.rule for case in asked("run")}))
def test_locks_and_explore_tell_racy_from_sound(rule: str) -> None:
    """Each program runs. Two requests one after the other show what no common lock covers, and
    nothing else; some order of the two breaks the racy half, none breaks the sound one."""
    found = judged(sys.executable, "run", "dynamic", "explore", "--rule", rule)
    assert found == {"run": {}, "dynamic": {}, "explore": {}}


@pytest.mark.parametrize("python", OTHERS.values(), ids=OTHERS)
def test_check_and_locks_say_the_same_on_other_pythons(python: str) -> None:
    """All cases are judged rightly by the other Pythons that are found."""
    assert judged(python, "check", "dynamic") == {"check": {}, "dynamic": {}}


@pytest.mark.parametrize("python", OTHERS.values(), ids=OTHERS)
def test_explore_says_the_same_on_other_pythons(python: str) -> None:
    """One case of each rule, since the tests of that Python explore them all."""
    assert judged(python, "explore", "--samples") == {"explore": {}}
