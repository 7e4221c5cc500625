"""Calls that are told again instead of being walked again: as fast, and as right."""

from pathlib import Path

import pytest

from instep.races.reading import functions, read

HELPERS = """
from flask import Flask
app = Flask(__name__)
seen = {}
keep = None
def note(name):
    seen[name] = 1
    count = len(seen)  # a variable of its own, which was once taken for an argument
    return count
def fresh():
    return {}
"""


def program(folder: Path, text: str) -> list[Path]:
    """A program of one file."""
    file = folder / "shop.py"
    file.write_text(HELPERS + text)
    return [file]


def test_a_call_is_told_again_and_not_walked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty views that call one helper in the same way walk through it a few times only."""
    walked: list[str] = []
    real = functions.counted

    def counted(walker, function, *rest):  # type: ignore[no-untyped-def]
        walked.append(function.name)
        return real(walker, function, *rest)

    monkeypatch.setattr(functions, "counted", counted)
    views = "".join(
        f"@app.post('/v{n}/<name>')\ndef v{n}(name):\n    return str(note(name))\n"
        for n in range(20)
    )
    found = read(program(tmp_path, views))
    assert walked.count("shop.note") <= 4
    lines = [[access.place.line for access in actor.trace] for actor in found.actors]
    assert len(lines) == 20
    assert all(one == lines[0] and one for one in lines)


def test_what_a_helper_makes_is_made_for_each_request(tmp_path: Path) -> None:
    """One view keeps the dictionary that a helper makes; the other's own is not that one."""
    views = """
@app.post("/a")
def a():
    global keep
    keep = fresh()
    return ""
@app.post("/b")
def b():
    mine = fresh()
    mine["n"] = 1
    return ""
"""
    found = {actor.name: actor for actor in read(program(tmp_path, views)).actors}
    assert [str(access.location) for access in found["shop.a"].trace] == ["keep"]
    assert found["shop.b"].trace == []
