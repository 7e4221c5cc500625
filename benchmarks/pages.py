"""The seed program once more for each contender: one page, one number, counted in another place.

`python -m benchmarks page` has gunicorn load `benchmarks.pages:page(NAME, WHERE)`.
"""

import os
import threading
from pathlib import Path

import redis

from benchmarks.board import board_client
from benchmarks.hot import Increment
from benchmarks.peers import Row, Tally
from flask import Flask, flash, render_template
from instep.flask import Instep
from instep.races.servers import HOST

_TEMPLATES = Path(__file__).parent.parent / "examples" / "templates"


def page(name: str, where: str) -> Flask:
    """The application.

    Args:
        name: the contender.
        where: its folder, port or socket; nothing for the plain global.
    """
    app = Flask(__name__, template_folder=str(_TEMPLATES))
    app.secret_key = "dev"
    query = COUNTS[name](app, where)

    @app.route("/")
    def home() -> str:
        flash(str(query()))
        return render_template("index.html")

    return app


def _plain(app: Flask, where: str) -> Increment:
    return Tally().add


def _releasing(app: Flask, where: str) -> Increment:
    """What it costs a threaded server to release the interpreter's lock as often as a call does."""
    tally, descriptor = Tally(), os.open(os.devnull, os.O_RDONLY)

    def increment() -> int:
        for _ in range(6):
            os.fstat(descriptor)
        return tally.add()

    return increment


def _shared(app: Flask, where: str) -> Increment:
    app.config["INSTEP_URL"] = f"lmdb:{where}"
    return Instep(app).share("tally", Tally).add


def _counter(app: Flask, where: str) -> Increment:
    app.config["INSTEP_URL"] = f"lmdb:{where}"
    return Instep(app).counter("total").increment


def _redis(app: Flask, where: str) -> Increment:
    client = redis.Redis(HOST, int(where))

    def increment() -> int:
        number: int = client.incr("page")
        return number

    return increment


def _sqlite(app: Flask, where: str) -> Increment:
    mine = threading.local()

    def increment() -> int:
        if not hasattr(mine, "row"):
            mine.row = Row(Path(where))
        number: int = mine.row.increment()
        return number

    return increment


def _manager(app: Flask, where: str) -> Increment:
    return board_client(where).increment


PLAIN, SHARED = "plain global (wrong answers)", "shared object"
RELEASING = "plain global, and six os.fstat"
COUNTER, REDIS, SQLITE = "counter", "Redis INCR", "SQLite"
MANAGER = "Manager: lock, get, set"
COUNTS = {
    PLAIN: _plain,
    RELEASING: _releasing,
    SHARED: _shared,
    COUNTER: _counter,
    SQLITE: _sqlite,
    REDIS: _redis,
    MANAGER: _manager,
}
