"""Which files are read: not what waits for ever, and not what nobody wrote."""

import os
from pathlib import Path

import pytest

from instep.races.reading import files, read

COUNTER = "n = 0\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_left_alone(tmp_path: Path) -> None:
    """Opening a pipe waits for somebody to write into it."""
    (tmp_path / "shop.py").write_text(COUNTER)
    os.mkfifo(tmp_path / "pipe.py")
    program = read([tmp_path], root=tmp_path)
    assert (program.lines, program.broken) == (1, [])


def test_a_source_of_many_megabytes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree of a literal takes a hundred times its text, so it is not even parsed."""
    monkeypatch.setattr(files, "LARGEST", 100)
    (tmp_path / "shop.py").write_text(COUNTER)
    (tmp_path / "data.py").write_text(f"DATA = [{'1, ' * 100}]\n")
    program = read([tmp_path], root=tmp_path)
    assert program.lines == 1
    assert [(one.path, one.reason) for one in program.broken] == [
        ("data.py", "it has 310 bytes, more than 100: too large to read")
    ]
