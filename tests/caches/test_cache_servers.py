"""A cache in a Flask program under real servers: a hundred clients at once, one query."""

from pathlib import Path

import pytest

from instep.races.servers import Cell
from serving import numbers, serving

PROGRAM = """
import time
from flask import Flask
from instep.flask import Instep

app = Flask(__name__)
shared = Instep(app)
cache = shared.cache("queries", ttl=600)
warm = shared.cache("warm", ttl=600)
warm.set("at import", 0)


@cache.cached
def query(number):
    with open("log", "a") as log:
        log.write("query\\n")
    time.sleep(0.2)
    return number


@app.get("/")
def home():
    return f"number {query(42) + warm.get('at import', 1)}"
"""


WAYS = {
    "gunicorn": ("gunicorn", Cell(4, 2), ()),
    "preload": ("gunicorn", Cell(4, 2), ("--preload",)),
    "gevent": ("gunicorn-gevent", Cell(3, 8), ()),
    "uwsgi": ("uwsgi", Cell(4, 2), ()),
    "processes": ("flask-processes", Cell(10, 1), ()),
}


def test_a_hundred_clients_make_one_query(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under gunicorn with 4 workers x 2 threads the query runs once, on any store."""
    serve("gunicorn", served, tmp_path, monkeypatch)


@pytest.mark.parametrize("way", sorted(WAYS.keys() - {"gunicorn"}))
def test_other_servers_make_one_query(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And once under other servers, also with a store that was used before the fork."""
    serve(way, f"lmdb:{tmp_path / 'state'}", tmp_path, monkeypatch)


def serve(way: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 100 clients ask at once; all get the answer of one query."""
    (folder / "shop.py").write_text(PROGRAM)
    monkeypatch.setenv("INSTEP_URL", url)
    with serving("shop:app", folder, *WAYS[way]) as up:
        assert numbers(up, 100) == [42] * 100
    assert (folder / "log").read_text() == "query\n"
