"""The figures that the finder has to keep, with room for a machine that is busy."""

import importlib
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from instep.races.exploring.fixture import Race

ROOT = Path(__file__).parents[2]
BUSY = 8
"""So many times the seconds that an idle machine needs."""

MEASURED = """
import re, sys, time
from click.testing import CliRunner
from instep.cli import main
done = CliRunner().invoke(main, ["check", "--exit-zero", *sys.argv[1:]])
most = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
print(done.exit_code, time.process_time(), int(most) / 1000)
"""


def test_a_check_is_quick_and_small(tmp_path: Path) -> None:
    """Twelve thousand lines, in half of what twenty-three thousand may take; and in little room."""
    lines = runpy.run_path(str(ROOT / "benchmarks/finder/programs.py"))["program"](tmp_path, 12_000)
    assert lines >= 12_000
    command = [sys.executable, "-c", MEASURED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    code, seconds, memory = map(float, done.stdout.split())
    assert code == 0
    assert seconds < 0.75 * BUSY
    assert memory < 120  # of 500 MB for twelve times as many lines


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The small programs that are measured; their package needs what the peers need."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks/finder"))
    return importlib.import_module("small")


def test_small_races_are_confirmed_at_once(small: Any) -> None:
    """In a few schedules each; the long loop takes no more than a short one."""
    for case in small.RACY:
        thing = case()
        with Race() as race, pytest.raises(AssertionError) as caught:
            race.calls(thing.first, thing.second, modules=[small], random=0)
        found = re.search(r"found in schedule (\d+) of (\d+)", " ".join(str(caught.value).split()))
        assert found, case
        assert max(map(int, found.groups())) <= 10, (case, found)
