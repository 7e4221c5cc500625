"""`instep doctor` from outside: the answer, the exit code, and that no failure stops the rest."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

from instep.cli import main
from instep.races.doctor.workspace import workspace

SHOP = """
from flask import Flask, request

app = Flask(__name__)
orders = []


@app.post("/order")
def order():
    number = len(orders) + 1
    orders.append({"number": number, "item": request.json["item"]})
    open("written", "w").close()
    return {"number": number}, 201


@app.get("/orders")
def listed():
    return {"orders": orders}
"""
CLEAN = (
    "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef home():\n    return ''\n"
)
TWO = "web: gunicorn --workers 2 --threads 2 app:app\n"


def doctor(folder: Path, *arguments: str, **files: str) -> Result:
    """The command, for a project with these files (`app` is app.py)."""
    for name, text in files.items():
        (folder / (name if name[0].isupper() else f"{name}.py")).write_text(dedent(text))
    return CliRunner().invoke(main, ["doctor", "--chdir", str(folder), *arguments])


def told(folder: Path, *arguments: str, **files: str) -> dict[str, object]:
    """The document it prints."""
    result = doctor(folder, "--json", *arguments, **files)
    document: dict[str, object] = json.loads(result.stdout)
    return document


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A shop whose numbers collide, all of it run once."""
    folder = tmp_path_factory.mktemp("shop")
    page = folder / "page.html"
    return folder, doctor(folder, "--html", str(page), "--seconds", "90", app=SHOP, Procfile=TWO)


def test_the_whole_examination(examined: tuple[Path, Result]) -> None:
    """Deployment, check, explore and serve: yes, where, how sure, and with which numbers."""
    _, result = examined
    flat = " ".join(result.output.split())
    assert result.exit_code == 1, result.output
    assert flat.startswith("Yes. 1 piece of state goes wrong with 2 workers x 2 threads.")
    assert "app:app is served by gunicorn, 2 workers x 2 threads (Procfile:1)." in flat
    assert "With 1 worker x 1 thread two requests cannot meet in one process." in flat
    assert "With 2 workers x 2 threads it can happen" in flat
    assert "Confirmed: this order of steps of two requests gives a wrong answer." in flat
    assert "Seen under the server:" in flat


def test_the_text_fits_a_narrow_terminal(examined: tuple[Path, Result]) -> None:
    """Nothing is wider than 80 columns but what is to be copied, and no line ends in spaces."""
    _, result = examined
    lines = result.output.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    wide = [line for line in lines if len(line) > 80]
    assert all(line.strip().startswith(("again: ", "page: ")) for line in wide)


def test_the_page_says_the_same(examined: tuple[Path, Result]) -> None:
    """The HTML page has the answer, the state and the story."""
    folder, result = examined
    page = (folder / "page.html").read_text()
    assert "page: " in result.output
    assert "Yes. 1 piece of state goes wrong" in page
    assert "--replay" in page
    assert "<script" not in page


def test_the_program_ran_in_a_copy(examined: tuple[Path, Result]) -> None:
    """What a request writes beside the program is not in the project's folder."""
    folder, _ = examined
    assert not (folder / "written").exists()


def test_a_copy_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, with the first reason."""
    (tmp_path / "app.py").write_text(CLEAN)
    some = shutil.Error([("a", "b", "[Errno 13] Permission denied: 'a'")])
    for error in (OSError(28, "No space left on device"), some):

        def failing(*_: object, error: OSError = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(shutil, "copytree", failing)
        with workspace(tmp_path) as place:
            assert (place.root, place.copied) == (tmp_path.resolve(), False)
        assert re.fullmatch(r"it could not be copied: \[Errno \d+\] [\w ]+(: 'a')?", place.why)


def test_nothing_found_exits_with_0(tmp_path: Path) -> None:
    """And it is not called a proof."""
    result = doctor(tmp_path, app=CLEAN)
    assert result.exit_code == 0, result.output
    assert "That is no proof" in result.output
    assert "no file here says how it is" in " ".join(result.output.split())


def test_only_reading(tmp_path: Path) -> None:
    """Nothing is imported or run with --no-run."""
    app = "open('imported', 'w').close()\n" + dedent(SHOP)
    document = told(tmp_path, "--no-run", "--in-place", app=app)
    assert document["worry"] == "yes"
    assert [stage["name"] for stage in document["stages"]] == ["check"]  # type: ignore[attr-defined, index]
    assert not (tmp_path / "imported").exists()


def test_a_program_that_raises_at_import(tmp_path: Path) -> None:
    """Its own error is said, with the project's path, and what was read stays."""
    app = dedent(SHOP) + "\nraise LookupError('no database')\n"
    result = doctor(tmp_path, app=app, Procfile=TWO)
    flat = "".join(result.output.split())
    assert result.exit_code == 1, result.output
    assert "LookupError:nodatabase" in flat
    assert "instep-doctor-" not in flat
    assert "Traceback" not in result.output
    assert "1pieceofstate" in flat
    assert flat.count("LookupError:") == 1


def test_a_failing_import_is_said_even_if_nothing_was_found(tmp_path: Path) -> None:
    """What was only read is not taken for something that was run."""
    result = doctor(tmp_path, app=f"import nosuchthing\n{CLEAN}", Procfile=TWO)
    flat = " ".join(result.output.split())
    assert result.exit_code == 0, result.output
    assert "only read, not run: app:app cannot be imported" in flat
    assert "install it into this environment" in flat


def test_all_of_it_or_only_the_first(tmp_path: Path) -> None:
    """One thing is told in full; the others are named, and told with --all."""
    app = SHOP + "\nnames = {}\n@app.put('/n/<n>')\ndef n(n):\n    if n not in names:\n"
    app += "        names[n] = request.json\n    return ''\n"
    one, both = (doctor(tmp_path, "--no-run", *more, app=app).output for more in ([], ["--all"]))
    assert [text.count("in plain Flask:") for text in (one, both)] == [1, 2]
    assert "app.names" not in one
    assert "possible  names" in one


def test_a_factory_that_needs_arguments(tmp_path: Path) -> None:
    """How to pass them is said; the source is read all the same."""
    result = doctor(tmp_path, shop="N = 0\ndef create_app(config):\n    pass\n")
    flat = " ".join(result.output.split())
    assert "shop:create_app needs config: write instep doctor" in flat
    assert result.exit_code == 2, result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--request", "nonsense"], "is no request"),
        (["--workers", "0"], "0 is not in the range"),
        (["--server", "apache"], "'apache' is not one of"),
        (["shop:app"], "there is no such module in"),
        (["--chdir", "/no/such/folder"], "does not exist"),
    ],
)
def test_wrong_options(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Each is named, and the exit code is 2."""
    result = doctor(tmp_path, *arguments, app=CLEAN)
    assert result.exit_code == 2, result.output
    assert said in " ".join((result.output + (result.stderr or "")).split())


def test_a_server_by_hand(tmp_path: Path) -> None:
    """Any that `prove` can start, with what answers inside of it."""
    result = doctor(tmp_path, "--no-run", "--server", "gunicorn-gevent", app=CLEAN)
    assert "gunicorn-gevent, 4 workers x 2 greenlets" in " ".join(result.output.split())


def test_a_page_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    """Nobody waits a minute for that."""
    for command in (["doctor", "--chdir", str(tmp_path)], ["explore", "no:app", "/"]):
        page = str(tmp_path / "nowhere" / "page.html")
        result = CliRunner().invoke(main, [*command, "--html", page])
        assert result.exit_code == 2
        assert "there is no folder" in result.output


def test_a_full_disk(tmp_path: Path) -> None:
    """The page is named, with the reason."""
    result = doctor(tmp_path, "--no-run", "--html", "/dev/full", app=CLEAN)
    assert result.exit_code == 2
    assert "/dev/full cannot be written: No space left on device" in result.output


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With its line and the reason."""
    result = doctor(tmp_path, "--no-run", app=CLEAN, newer="x = 1\nmatch = type X[ = int\n")
    flat = "".join(result.output.split())
    assert "newer.py:2:" in flat
    assert "invalidsyntax" in flat


def test_a_link_to_itself(tmp_path: Path) -> None:
    """It is named, and all the rest is done."""
    (tmp_path / "itself.py").symlink_to("itself.py")
    result = doctor(tmp_path, "--seconds", "0.1", app=CLEAN)
    assert result.exit_code == 0, result.output
    assert "itself.py:1: it cannot be opened" in " ".join(result.output.split())


def test_nothing_to_read(tmp_path: Path) -> None:
    """An empty folder is said to be one."""
    result = doctor(tmp_path)
    assert result.exit_code == 2
    assert "there is no Python file" in result.output


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """The copy is removed, and a view that never answers is ended, within the time and a little."""
    app = dedent(SHOP).replace('open("written", "w").close()', "[].sort() or __import__('time')")
    app = app.replace("__import__('time')", "__import__('threading').Event().wait()")
    (tmp_path / "app.py").write_text(app)
    (tmp_path / "scratch").mkdir()
    command = [sys.executable, "-m", "instep.cli", "doctor", "--seconds", "6", "--json"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "scratch")}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["worry"] == "yes"
    assert list((tmp_path / "scratch").iterdir()) == []
