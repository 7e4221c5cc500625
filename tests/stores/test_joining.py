"""One process comes while another one goes: neither is in the other's way."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from instep.stores import engine
from instep.stores.environment import Environment

OPEN = """
import sys
from instep.stores import engine
store = engine(sys.argv[1]).open()
store.read(b"n")
print("open", flush=True)
sys.stdin.readline()
store.close()
"""


@pytest.mark.parametrize("last", [True, False], ids=["the last", "not the last"])
def test_a_process_may_come_in_the_moment_of_a_close(
    last: bool, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the end of the closing process's turn and the end of its descriptors."""
    url = f"lmdb:{state}"
    store = engine(url).open()
    store.update(b"n", lambda old: (b"c1", None), 10.0)
    command = [sys.executable, "-W", "error", "-c", OPEN, url]
    other = subprocess.Popen(command, stdin=-1, stdout=-1)
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == b"open\n"
    if last:
        other.communicate(b"\n", timeout=60)
    came: list[subprocess.CompletedProcess[bytes]] = []
    forget = Environment._forget

    def slowly(self: Environment, member: Any) -> None:
        came.append(subprocess.run(command, input=b"\n", capture_output=True, timeout=60))
        forget(self, member)

    monkeypatch.setattr(Environment, "_forget", slowly)
    store.close()
    if not last:
        other.communicate(b"\n", timeout=60)
    assert [(done.returncode, done.stderr) for done in came] == [(0, b"")]
    assert other.returncode == 0
