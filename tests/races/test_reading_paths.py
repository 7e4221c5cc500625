"""What may be the path of a file, and how much a hostile text may cost."""

from pathlib import Path

from instep.races.reading import read
from instep.races.reading.model import Program, Root
from instep.races.reading.paths import filled, may_be


def named(folder: Path, text: str) -> set[str]:
    """The files that a view writes which puts something into a text."""
    source = (
        "from flask import Flask\napp = Flask(__name__)\n"
        f"@app.get('/<name>')\ndef view(name):\n    open({text!r} % name, 'w').write(name)\n"
    )
    folder.joinpath("shop.py").write_text(source)
    program: Program = read([folder / "shop.py"])
    [actor] = program.actors
    return {one.location.name for one in actor.trace if one.location.root is Root.FILE}


def test_a_path_is_known_by_its_fixed_parts(tmp_path: Path) -> None:
    """What is put in is a star."""
    assert named(tmp_path, "data/%s.json") == {"data/*.json"}


def test_a_text_that_is_too_long_is_no_path() -> None:
    """A pattern that tries each of its thousands of slashes would take minutes."""
    assert may_be("a/" * 100)
    for text in ("a/" * 300, "/" * 100_000 + "<"):
        assert not may_be(text)
    assert filled("%s" + "0" * 100) == "*" + "0" * 100
    assert filled("%" + "0" * 100_000) == "%" + "0" * 100_000
