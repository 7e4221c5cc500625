"""Resources in Flask programs: on `g`, of the current application, closed when the request ends."""

import gc
import os
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from made import Thing, Workshop

from flask import Flask, current_app, stream_with_context
from instep import LockTimeout, Misuse, PoolTimeout
from instep.flask import Instep


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An application on a store of its own."""
    monkeypatch.delenv("INSTEP_URL", raising=False)
    app = Flask("shop", instance_path=str(tmp_path))
    app.config["INSTEP_URL"] = "memory:"
    return app


@pytest.fixture
def shared(app: Flask) -> Iterator[Instep]:
    """Its extension."""
    shared = Instep(app)
    yield shared
    shared.close()


def test_one_per_request(app: Flask, shared: Instep, shop: Workshop) -> None:
    """Each request has its own, closed at its end in reverse order."""
    one = shared.resource(shop.maker("one"), scope="request", close=Thing.close)
    two = shared.resource(shop.maker("two"), scope="request", close=Thing.close)

    @app.route("/")
    def home() -> str:
        assert one() is one()
        two()
        return str(one().number)

    client = app.test_client()
    assert client.get("/").text == "1"
    assert shop.closed == ["two", "one"]
    assert client.get("/").text == "3"


def test_closed_after_an_exception(app: Flask, shared: Instep, shop: Workshop) -> None:
    """A view that fails has its things closed all the same."""
    db = shared.resource(shop.maker(), scope="request", close=Thing.close)

    @app.route("/")
    def home() -> str:
        db()
        raise ZeroDivisionError

    assert app.test_client().get("/").status_code == 500
    assert shop.closed == ["thing"]


def test_a_closer_that_fails(
    app: Flask, shared: Instep, shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, the others run, and the client gets the answer that was made for it."""

    def fail(_: object) -> None:
        raise OSError("no answer")

    one = shared.resource(shop.maker("one"), scope="request", close=Thing.close)
    two = shared.resource(object, scope="request", close=fail, name="two")

    @app.route("/")
    def home() -> str:
        one(), two()
        return "fine"

    assert app.test_client().get("/").text == "fine"
    assert shop.closed == ["one"]
    assert [record.getMessage() for record in caplog.records] == [
        "instep: closing the resource 'two' failed"
    ]


def test_requests_at_once(app: Flask, shared: Instep, shop: Workshop) -> None:
    """Requests that run at the same time do not see each other's things."""
    db = shared.resource(shop.maker(), scope="request", close=Thing.close)
    barrier = threading.Barrier(8)

    @app.route("/")
    def home() -> str:
        mine = db()
        barrier.wait(30)
        assert db() is mine
        assert mine.open
        return str(mine.number)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: app.test_client().get("/").text, range(8)))
    assert sorted(found) == [str(n) for n in range(1, 9)]
    assert len(shop.closed) == 8


def test_a_stream(app: Flask, shared: Instep, shop: Workshop) -> None:
    """What a streamed answer uses is closed when the stream ends."""
    db = shared.resource(shop.maker(), scope="request", close=Thing.close)

    @app.route("/")
    def home() -> Any:
        def parts() -> Iterator[str]:
            for _ in range(3):
                assert db().open
                yield "x"

        return stream_with_context(parts())

    assert app.test_client().get("/").text == "xxx"
    assert shop.closed == ["thing"]


def test_an_application_context_is_a_request_too(
    app: Flask, shared: Instep, shop: Workshop
) -> None:
    """In commands and scripts, `with app.app_context():` is enough; blocks inside of it nest."""
    db = shared.resource(shop.maker(), scope="request", close=Thing.close)
    with app.app_context():
        outer = db()
        with shared.scope():
            assert db() is not outer
        assert len(shop.closed) == 1
        assert db() is outer
        with db as same:
            assert same is outer
        assert outer.open
    assert not outer.open
    with app.app_context(), shared.scope():
        db()
    assert len(shop.closed) == shop.made == 3


def test_outside_of_flask(app: Flask, shared: Instep, shop: Workshop) -> None:
    """Without a context a block is enough; a request that is made inside has its own."""
    db = shared.resource(shop.maker(), scope="request", close=Thing.close)
    app.route("/")(lambda: str(db().number))
    with pytest.raises(Misuse, match=r"with space\.scope"):
        db()
    with shared.scope():
        assert db().number == 1
        assert app.test_client().get("/").text == "2"
        assert db().number == 1
    assert len(shop.closed) == 2


def test_late_use_in_a_request(app: Flask, shared: Instep, shop: Workshop) -> None:
    """A teardown function that runs after ours is told, and nothing is made that nobody closes."""
    late = Flask("late", instance_path=app.instance_path)
    late.config["INSTEP_URL"] = "memory:"
    errors: list[BaseException] = []

    @late.teardown_appcontext
    def after(_: object) -> None:  # registered first, so it runs last
        try:
            db()
        except Misuse as error:
            errors.append(error)

    extension = Instep(late)
    db = extension.resource(shop.maker(), scope="request", close=Thing.close)
    with late.app_context():
        db()
    assert "after the request" in str(errors[0])
    assert shop.made == len(shop.closed) == 1


def test_teardown_functions_may_use_it(app: Flask, shared: Instep, shop: Workshop) -> None:
    """Those that are registered after `init_app`, which is the usual order, run before ours."""
    db = shared.resource(shop.maker(), scope="request", close=Thing.close)
    seen: list[bool] = []
    app.teardown_appcontext(lambda _: seen.append(db().open))
    with app.app_context():
        db()
    assert seen == [True]


def test_each_application_has_its_own(tmp_path: Path, shop: Workshop) -> None:
    """One extension, two applications: each makes its own from its own configuration."""
    shared = Instep()
    db = shared.resource(lambda: [current_app.config["DATABASE"]], close=shop.closed.extend)
    apps = []
    for name in ("one", "two"):
        app = Flask(name, instance_path=str(tmp_path))
        app.config.update(INSTEP_URL="memory:", DATABASE=name)
        shared.init_app(app)
        apps.append(app)
    for app in apps:
        with app.app_context():
            assert db() == [app.name]
    with pytest.raises(Misuse, match="app_context"):
        db()
    stranger = Flask("stranger")
    with stranger.app_context(), pytest.raises(Misuse, match="not bound"):
        db()
    shared.close()
    assert sorted(shop.closed) == ["one", "two"]


def test_without_an_application() -> None:
    """Declaring is always possible; use says that there is no application."""
    db = Instep().resource(object)
    with pytest.raises(Misuse, match="init_app"):
        db()


def test_an_application_that_goes(tmp_path: Path) -> None:
    """An extension does not keep applications and what was made for them alive."""
    shared = Instep()
    db = shared.resource(Referable, scope="process")
    app = Flask("short", instance_path=str(tmp_path))
    app.config["INSTEP_URL"] = "memory:"
    shared.init_app(app)
    with app.app_context():
        made = weakref.ref(db())
    del app
    gc.collect()
    assert made() is None


class Referable:
    """Something that can be referred to weakly."""


def test_override_in_a_request(app: Flask, shared: Instep) -> None:
    """A test's fake reaches the views of all threads."""
    db = shared.resource(lambda: "real")
    app.route("/")(lambda: db())
    with db.override("fake"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: app.test_client().get("/").text).result() == "fake"
    assert app.test_client().get("/").text == "real"


@pytest.mark.parametrize("kind", [LockTimeout, PoolTimeout])
def test_waiting_in_vain_is_a_503(app: Flask, shared: Instep, kind: Any) -> None:
    """The client may come again."""

    @app.route("/")
    def home() -> str:
        raise kind("somebody has it", name="db", timeout=1.0)

    response = app.test_client().get("/")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"


def test_a_view_that_forks(app: Flask, shared: Instep) -> None:
    """A child that is forked in a request has its own; the parent's stays as it is."""
    closed: list[int] = []
    db = shared.resource(os.getpid, scope="request", close=closed.append)

    @app.route("/")
    def home() -> str:
        mine = db()
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            os.write(write, str(db()).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        theirs = int(os.read(read, 100))
        os.close(read), os.close(write)
        return str([mine == os.getpid() == db(), theirs == pid])

    assert app.test_client().get("/").text == "[True, True]"
    assert closed == [os.getpid()]


def test_whereabouts(app: Flask, shared: Instep) -> None:
    """Messages name the method and path of a request, never its query, which may be secret."""
    db = shared.resource(shared.whereabouts, scope="request")
    app.route("/path/<n>")(lambda n: db())
    assert app.test_client().get("/path/1?secret=2").text == "GET /path/1"
    assert shared.whereabouts() == ""
