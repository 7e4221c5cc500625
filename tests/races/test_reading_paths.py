"""What may be the path of a file, and how much a hostile text may cost."""

from pathlib import Path

import pytest

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


PLACES = {
    "os.path.join": 'os.path.join(here, "rows.json")',
    "added": 'here + "/rows.json"',
    "added in three": 'here + os.sep + "rows.json"',
    "an f-string": 'f"{here}/rows.json"',
    "percent": '"%s/rows.json" % here',
    "percent of a tuple": '"%s/%s" % (here, "rows.json")',
    "format": '"{}/rows.json".format(here)',
    "pathlib": 'Path(here) / "rows.json"',
    "joinpath": 'Path(here).joinpath("rows.json")',
    "in place": 'f"{os.path.dirname(__file__)}/rows.json"',
    "the environment": 'os.environ["DATA"] + "/rows.json"',
}


@pytest.mark.parametrize("path", PLACES.values(), ids=PLACES)
def test_a_file_beside_the_program_is_one_however_its_path_is_spelt(
    path: str, tmp_path: Path
) -> None:
    """What is the same for all requests is no star; the last part of the path is its name."""
    source = (
        "import os\nfrom pathlib import Path\nfrom flask import Flask\napp = Flask(__name__)\n"
        "here = os.path.dirname(os.path.realpath(__file__))\n"
        f"@app.get('/<user>')\ndef view(user):\n    open({path}, 'w').write(user)\n"
    )
    tmp_path.joinpath("shop.py").write_text(source)
    [actor] = read([tmp_path / "shop.py"]).actors
    assert {one.location.name for one in actor.trace} == {"rows.json"}


@pytest.mark.parametrize("path", ['here + "/rows.json"', 'f"{here}/rows.json"'])
def test_a_folder_that_the_request_names_is_a_star(path: str, tmp_path: Path) -> None:
    """Each visitor has a file then."""
    source = (
        "from flask import Flask\napp = Flask(__name__)\n"
        f"@app.get('/<here>')\ndef view(here):\n    open({path}, 'w').write(here)\n"
    )
    tmp_path.joinpath("shop.py").write_text(source)
    [actor] = read([tmp_path / "shop.py"]).actors
    assert {one.location.name for one in actor.trace} <= {"*/rows.json"}


def test_a_text_that_is_too_long_is_no_path() -> None:
    """A pattern that tries each of its thousands of slashes would take minutes."""
    assert may_be("a/" * 100)
    for text in ("a/" * 300, "/" * 100_000 + "<"):
        assert not may_be(text)
    assert filled("%s" + "0" * 100) == "*" + "0" * 100
    assert filled("%" + "0" * 100_000) == "%" + "0" * 100_000
