"""One user's requests at once: the same programs on Flask-Session and on this library's sessions.

`/login` begins a session. `/` counts in it, and answers with the number. `/put` puts a key of its
own into it, and `/keys` says how many there are.
"""

import os
import time
import warnings
from pathlib import Path
from uuid import uuid4

from flask import Flask, session


def _program(name: str) -> Flask:
    app = Flask(name)
    app.secret_key = "dev"

    @app.get("/login")
    def login() -> str:
        session["user"], session["n"] = "anna", 0
        return ""

    @app.get("/put")
    def put() -> str:
        session[uuid4().hex] = True
        time.sleep(0.002)
        return "1"

    @app.get("/keys")
    def keys() -> str:
        return str(len(session.keys() - {"user", "n", "_permanent"}))

    return app


def _step() -> int:
    seen: int = session["n"]
    time.sleep(0.002)
    session["n"] = seen + 1
    return seen + 1


def foreign(kind: str) -> Flask:
    """Flask-Session, with files or in Redis."""
    warnings.simplefilter("ignore", DeprecationWarning)
    from flask_session import Session

    app = _program("foreign")
    app.config["SESSION_TYPE"] = kind
    if kind == "cachelib":
        from cachelib.file import FileSystemCache

        app.config["SESSION_CACHELIB"] = FileSystemCache(str(Path(os.environ["INSTEP_FRESH"], "s")))
    else:
        import redis

        app.config["SESSION_REDIS"] = redis.Redis.from_url(os.environ["SESSION_REDIS_URL"])
    Session(app)
    app.get("/")(lambda: str(_step()))
    return app


def ours() -> Flask:
    """This library's sessions, in the store that the environment names."""
    from instep.flask import Instep
    from instep.integrations.session import Sessions, session

    app = _program("ours")
    Instep(app)
    Sessions(app)

    @app.get("/")
    def count() -> str:
        with session.transaction():
            return str(_step())

    return app
