"""The lost update of one user's concurrent requests: seen with Flask-Session, and gone here.

Real servers, real Redis, many clients that send one cookie.
"""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from flask import Flask, session
from instep.races.load import Load, Outcome, fire
from instep.races.prove import Plan, Run, prove
from instep.races.servers import Cell
from instep.races.user import logged_in
from instep.races.verdict import Word
from servers import Redis
from serving import serving

TESTS = Path(__file__).parents[1]
FOREIGN = pytest.mark.parametrize("kind", ["cachelib", "redis"])
LOAD = Load(clients=20, requests=60, login="/login")


@pytest.fixture(autouse=True)
def redis_url(monkeypatch: pytest.MonkeyPatch, redis_server: Redis) -> None:
    """Where Flask-Session finds its Redis; this library's store is chosen by each test."""
    monkeypatch.setenv("SESSION_REDIS_URL", redis_server.url)
    for name in ("INSTEP_URL", "INSTEP_FRESH"):
        monkeypatch.delenv(name, raising=False)


def judged(
    program: str, *, server: str = "gunicorn", fresh: bool = True, options: tuple[str, ...] = ()
) -> Run:
    """Let one user's clients count under a server with two processes."""
    plan = Plan(
        f"session_programs:{program}",
        server=server,
        workers=2,
        threads=4,
        load=LOAD,
        matrix=False,
        fresh=fresh,
        chdir=TESTS,
        options=options,
        patience=60,
    )
    (run,) = prove(plan)
    return run


def assert_right(run: Run) -> None:
    """Each of sixty requests got its number, whichever process answered."""
    verdict = run.verdict
    assert verdict.word is not Word.WRONG, (verdict, run.printed)
    assert (verdict.distinct, verdict.first, verdict.last) == (60, 1, 60), run.printed


def kept(program: str, folder: Path | None) -> int:
    """How many of the keys that 60 requests put into one session are there afterwards."""
    target = f"session_programs:{program}"
    with serving(target, TESTS, cell=Cell(2, 4), workers=2, fresh=folder) as up:
        user = logged_in(LOAD, up.port)
        put = fire(replace(user, path="/put"), up.port)
        assert {request.outcome for request in put} == {Outcome.ANSWERED}, up.printed()
        (answer,) = fire(replace(user, path="/keys", clients=1, requests=1), up.port)
        assert answer.number is not None
        return answer.number


@FOREIGN
def test_flask_session_loses_updates(kind: str) -> None:
    """Requests of one user that count in the session get numbers twice: the control."""
    run = judged(f"foreign({kind!r})")
    assert run.verdict.word is Word.WRONG, (run.verdict, run.printed)
    assert run.verdict.lost > 0


@pytest.mark.parametrize(
    ("server", "options"),
    [
        ("gunicorn", ()),
        ("gunicorn", ("--preload",)),
        ("gunicorn-gevent", ()),
        ("uwsgi", ()),
        ("flask-processes", ()),
    ],
)
def test_sessions_lose_no_update(server: str, options: tuple[str, ...]) -> None:
    """The same requests in `session.transaction()` get 1 to 60, each once, in order."""
    assert_right(judged("ours()", server=server, options=options))


def test_sessions_lose_no_update_on_redis(
    monkeypatch: pytest.MonkeyPatch, redis_server: Redis
) -> None:
    """Nor on the very server that Flask-Session loses them on."""
    monkeypatch.setenv("INSTEP_URL", redis_server.url)
    assert_right(judged("ours()", fresh=False))


@FOREIGN
def test_flask_session_loses_keys(kind: str, tmp_path: Path) -> None:
    """Requests that put keys of their own overwrite each other's."""
    assert kept(f"foreign({kind!r})", tmp_path) < 60


def test_sessions_keep_every_key(tmp_path: Path) -> None:
    """Without any transaction, each request's own key is there afterwards."""
    assert kept("ours()", tmp_path) == 60


def test_sessions_keep_every_key_on_redis(
    monkeypatch: pytest.MonkeyPatch, redis_server: Redis
) -> None:
    """Likewise on Redis."""
    monkeypatch.setenv("INSTEP_URL", redis_server.url)
    assert kept("ours()", None) == 60


def test_flask_session_logs_a_user_in_again(tmp_path: Path) -> None:
    """A request that is under way at a logout writes the session back: what ours never does."""
    from cachelib.file import FileSystemCache
    from flask_session import Session

    app = Flask("foreign")
    app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=FileSystemCache(str(tmp_path)))
    Session(app)
    loaded, go = threading.Event(), threading.Event()

    @app.get("/login")
    def login() -> str:
        session["user"] = "anna"
        return ""

    @app.get("/slow")
    def slow() -> str:
        loaded.set()
        assert go.wait(60)
        session["page"] = 1
        return ""

    app.get("/logout", endpoint="logout")(lambda: session.clear() or "")
    app.get("/who", endpoint="who")(lambda: str(session.get("user")))
    client, window = app.test_client(), app.test_client()
    client.get("/login")
    found = client.get_cookie("session")
    assert found is not None
    window.set_cookie("session", found.value)
    thread = threading.Thread(target=lambda: window.get("/slow"))
    thread.start()
    assert loaded.wait(60)
    client.get("/logout")
    go.set()
    thread.join()
    client.set_cookie("session", found.value)
    assert client.get("/who").text == "anna"
