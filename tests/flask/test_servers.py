"""The seed program under real servers: a hundred clients, a hundred numbers, also restarted.

The store is used at import already, which under servers that load the program before they fork
means: opened and written in the parent, then used in its children.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from instep.races.servers import Cell
from places import SERVERS, place
from serving import numbers, serving

PROGRAM = """
from flask import Flask, flash, render_template_string
from instep.flask import Instep

app = Flask(__name__)
app.secret_key = "dev"
shared = Instep(app)


class SomeObj:
    def __init__(self, param):
        self.param = param

    def query(self):
        self.param += 1
        return self.param


global_obj = shared.share("global_obj", SomeObj, 0)
starts = shared.counter("starts")
starts.increment()
at_import = global_obj.param


@app.route("/")
def home():
    flash(global_obj.query())
    return render_template_string("{% for n in get_flashed_messages() %}number {{ n }}{% endfor %}")


@app.route("/starts")
def number_of_starts():
    return str(starts.value)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder with the seed program in it; afterwards no process works there any more."""
    for name in ("INSTEP_URL", "INSTEP_FRESH"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "seed.py").write_text(PROGRAM)
    yield tmp_path
    deadline = time.monotonic() + 10  # what was killed a moment ago may not have gone yet
    while working_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert working_in(tmp_path) == []


def working_in(folder: Path) -> list[int]:
    """The processes, other than this one, whose working directory is a folder."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            there = os.readlink(f"/proc/{pid}/cwd") == str(folder)
            zombie = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:  # it has ended meanwhile, or is not ours to look at
            continue
        if there and not zombie and pid != os.getpid():
            found.append(pid)
    return found


@pytest.mark.parametrize(
    ("server", "cell", "options", "loads"),
    [
        pytest.param("gunicorn", Cell(4, 1), (), 4, id="gunicorn-sync"),
        pytest.param("gunicorn", Cell(4, 2), (), 4, id="gunicorn-gthread"),
        pytest.param("gunicorn", Cell(4, 2), ("--preload",), 1, id="gunicorn-preload"),
        pytest.param("gunicorn-gevent", Cell(3, 8), (), 3, id="gevent"),
        pytest.param("gunicorn-gevent", Cell(3, 8), ("--preload",), 1, id="gevent-preload"),
        pytest.param("waitress", Cell(1, 8), (), 1, id="waitress"),
        pytest.param("uwsgi", Cell(4, 2), (), 1, id="uwsgi"),
        pytest.param("uwsgi", Cell(3, 1), ("--lazy-apps",), 3, id="uwsgi-lazy"),
        pytest.param("flask", Cell(1, 8), (), 1, id="flask-threaded"),
        pytest.param("flask-processes", Cell(10, 1), (), 1, id="flask-processes"),
    ],
)
def test_a_hundred_clients(
    program: Path, server: str, cell: Cell, options: tuple[str, ...], loads: int
) -> None:
    """Each of 100 clients gets its own number, 1 to 100; after a restart the next gets 101."""
    with serving("seed:app", program, server, cell, options) as up:
        assert numbers(up, 100) == list(range(1, 101))
    with serving("seed:app", program, server, cell, options) as up:
        assert numbers(up, 1) == [101]
        [started] = numbers(up, 1, "/starts")
        assert 2 <= started <= loads * 2  # what was written at import is there, by each load


@pytest.mark.parametrize("engine", sorted(SERVERS))
@pytest.mark.parametrize(
    ("server", "cell", "options"),
    [
        pytest.param("gunicorn", Cell(4, 2), ("--preload",), id="gunicorn-preload"),
        pytest.param("gunicorn-gevent", Cell(3, 8), ("--preload",), id="gevent-preload"),
        pytest.param("uwsgi", Cell(4, 2), (), id="uwsgi"),
        pytest.param("flask-processes", Cell(10, 1), (), id="flask-processes"),
    ],
)
def test_a_hundred_clients_on_a_stores_server(
    program: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    cell: Cell,
    options: tuple[str, ...],
    engine: str,
) -> None:
    """The same program with another URL: connections that were made before a fork included."""
    url = place(engine, program, request.getfixturevalue)
    monkeypatch.setenv("INSTEP_URL", url)
    with serving("seed:app", program, server, cell, options) as up:
        assert numbers(up, 100) == list(range(1, 101))
    with serving("seed:app", program, server, cell, options) as up:
        assert numbers(up, 1) == [101]
    assert not (program / "instance").exists()
