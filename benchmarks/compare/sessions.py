"""One user's requests at once, in server-side sessions and in Flask's own cookie."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import redis
from cachelib.file import FileSystemCache

import flask
from benchmarks.compare.calls import Place
from benchmarks.compare.questions import together
from instep import Space
from instep.integrations.session import Sessions, session
from instep.races.servers import HOST

ROUNDS = 50
AT_ONCE = 2  # requests of the same user
BOTH = ROUNDS * AT_ONCE

NO_CALL = "no call for it"


def cookie(app: flask.Flask, place: Place) -> None:
    """Flask's own: the whole session in the cookie."""


def flask_session_redis(app: flask.Flask, place: Place) -> None:
    """Flask-Session in Redis."""
    _flask_session(app, SESSION_TYPE="redis", SESSION_REDIS=redis.Redis(HOST, place.redis, db=2))


def flask_session_files(app: flask.Flask, place: Place) -> None:
    """Flask-Session in cachelib's files."""
    files = FileSystemCache(f"{place.folder}/sessions")
    _flask_session(app, SESSION_TYPE="cachelib", SESSION_CACHELIB=files)


def ours(app: flask.Flask, place: Place) -> None:
    """instep on its embedded store."""
    Sessions(app, space=Space(f"lmdb:{place.folder}/sessions-of-ours?durability=none"))


SESSIONS: dict[str, Callable[[flask.Flask, Place], None]] = {
    "instep": ours,
    "Flask-Session, Redis": flask_session_redis,
    "Flask-Session, files": flask_session_files,
    "Flask's cookie": cookie,
}


def _flask_session(app: flask.Flask, **config: Any) -> None:
    from flask_session import Session  # type: ignore[import-untyped]

    app.config.update(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        Session(app)


def other_keys(name: str, place: Place) -> str:
    """Two requests of one user at once put a key each, 50 times: how many keys are lost?"""

    def put(meet: Callable[[], object], number: int) -> None:
        flask.session.get("nothing")  # loads it
        meet()
        flask.session[f"key {number}"] = True

    keys = _rounds(name, place, put, lambda: sum(key.startswith("key") for key in flask.session))
    return "**none**" if keys == BOTH else f"{BOTH - keys} of {BOTH}"


def one_number(name: str, place: Place) -> str:
    """Two requests of one user at once add 1 to a number, 50 times: how many are lost?"""

    def add(meet: Callable[[], object], number: int) -> None:
        found = flask.session.get("n", 0)
        meet()
        flask.session["n"] = found + 1

    count = _rounds(name, place, add, lambda: flask.session["n"])
    return "none" if count == BOTH else f"{BOTH - count} of {BOTH}"


def one_transaction(name: str, place: Place) -> str:
    """The same in the block that the library has for it: how many are lost?"""
    app = flask.Flask("offers")
    app.secret_key = "dev"
    SESSIONS[name](app, place)
    with app.test_request_context() as context:
        opened = app.session_interface.open_session(app, context.request)
        if not hasattr(opened, "transaction"):
            return NO_CALL

    def add(meet: Callable[[], object], number: int) -> None:
        session.get("n", 0)
        meet()
        with session.transaction():
            session["n"] = session.get("n", 0) + 1

    count = _rounds(name, place, add, lambda: flask.session["n"])
    return "**none**" if count == BOTH else f"{BOTH - count} of {BOTH}"


QUESTIONS = [other_keys, one_number, one_transaction]


def _rounds(
    name: str,
    place: Place,
    work: Callable[[Callable[[], object], int], None],
    look: Callable[[], int],
) -> int:
    """Rounds of requests that have all loaded the session before one of them changes it."""
    app, gate = flask.Flask("sessions"), threading.Barrier(AT_ONCE)
    app.secret_key = "dev"
    SESSIONS[name](app, place)

    @app.get("/login")
    def login() -> str:
        flask.session["user"] = "ada"
        return ""

    @app.get("/work/<int:number>")
    def view(number: int) -> str:
        work(lambda: gate.wait(20), number)
        return ""

    @app.get("/look")
    def result() -> str:
        return str(look())

    jar = _cookie(app.test_client().get("/login"), "")
    for number in range(0, BOTH, AT_ONCE):
        paths = [f"/work/{number + one}" for one in range(AT_ONCE)]
        for answer in together([partial(_ask, app, jar, path) for path in paths]):
            jar = _cookie(answer, jar)
    return int(_ask(app, jar, "/look").text)


def _ask(app: flask.Flask, jar: str, path: str) -> Any:
    client = app.test_client()
    client.set_cookie("session", jar)
    return client.get(path)


def _cookie(answer: Any, before: str) -> str:
    """What the browser has in its cookie after an answer."""
    assert answer.status_code == 200, answer.text
    for header in answer.headers.getlist("Set-Cookie"):
        name, _, value = header.partition(";")[0].partition("=")
        if name == "session":
            return value.strip('"')
    return before
