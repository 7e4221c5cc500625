"""The Flask-Caching backend: its configuration, what views and functions can be kept."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import flask_caching
import pytest
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from actors import Child
from flask import (
    Flask,
    Response,
    abort,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    send_file,
    url_for,
)
from instep import Misuse, Space
from instep.flask import Instep
from instep.integrations.flask_caching import InstepCache
from places import PLACES, place

BACKEND = "instep.integrations.flask_caching.InstepCache"
Fork = Callable[..., Child]


@pytest.fixture(params=["memory", *PLACES, "memcached"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An application whose cache is on each engine."""
    if request.param == "memcached":
        url = request.getfixturevalue("memcached_server").url
    else:
        url = place(request.param, tmp_path, request.getfixturevalue)
    app = application(CACHE_INSTEP_URL=url)
    yield app
    for backend in app.extensions.get("cache", {}).values():
        backend.space.close()


@pytest.fixture
def plain() -> Flask:
    """An application whose cache is in the memory of this process."""
    return application(CACHE_INSTEP_URL="memory:")


def application(**config: Any) -> Flask:
    """An application with this configuration, and Flask-Caching on our backend."""
    app = Flask(__name__)
    app.config.update(CACHE_TYPE=BACKEND, **config)
    return app


def backend_of(app: Flask, cache: flask_caching.Cache) -> Any:
    """The backend that Flask-Caching has made."""
    return app.extensions["cache"][cache]


def twice(app: Flask, view: Callable[[], Any]) -> list[Any]:
    """What a client gets at two requests of a cached view, which runs once."""
    runs: list[int] = []
    cache = flask_caching.Cache(app)

    @app.get("/")
    @cache.cached()
    def cached() -> Any:
        runs.append(1)
        return view()

    client = app.test_client()
    answers = [client.get("/"), client.get("/")]
    assert len(runs) == 1
    return answers


VIEWS: dict[str, Callable[[], Any]] = {
    "text": lambda: "héllo",
    "bytes": lambda: b"\0\xff",
    "dict": lambda: {"n": 1},
    "list": lambda: [1, 2],
    "status": lambda: ("gone", 410),
    "headers": lambda: ("teapot", 418, {"X-Kind": "pot"}),
    "template": lambda: render_template_string("<b>{{ 1 + 1 }}</b>"),
    "markup": lambda: Markup("<b>bold</b>"),
    "generator": lambda: (part for part in ("a", "b")),
    "jsonify": lambda: jsonify(n=1),
    "jsonify and status": lambda: (jsonify(error="none"), 404),
    "redirect": lambda: redirect("/elsewhere"),
    "response": lambda: Response("x", 201, {"X-A": "1"}, mimetype="text/csv"),
    "no body": lambda: ("", 204),
}


@pytest.mark.parametrize("kind", VIEWS)
def test_what_views_return(plain: Flask, kind: str) -> None:
    """The second answer, from the cache, is the first in every respect."""
    first, second = twice(plain, VIEWS[kind])
    assert (second.status, second.data) == (first.status, first.data)
    assert list(second.headers) == list(first.headers)


def test_cookies_and_repeated_headers_are_kept(plain: Flask) -> None:
    """Headers stay in their order, and several of one name stay several."""

    def view() -> Response:
        response = make_response("x")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    first, second = twice(plain, view)
    assert second.headers.getlist("Set-Cookie") == first.headers.getlist("Set-Cookie") != []


@pytest.mark.parametrize("code", [400, 404, 405, 410, 503])
def test_aborts_are_kept(plain: Flask, code: int) -> None:
    """What `abort()` raises comes back as the same error, with its text, to the same handler."""

    @plain.errorhandler(code)
    def handler(error: HTTPException) -> Any:
        return f"{type(error).__name__}: {error.description}", code

    first, second = twice(plain, lambda: abort(code, description="so it is"))
    assert second.text == first.text
    assert second.text.endswith(": so it is")


def test_aborts_with_a_response_are_kept(plain: Flask) -> None:
    """`abort(response)` too."""
    first, second = twice(plain, lambda: abort(404, response=Response("none", 404)))
    assert (second.status, second.data) == (first.status, first.data) == ("404 NOT FOUND", b"none")


@pytest.mark.parametrize("kind", ["file", "stream", "subclass"])
def test_what_cannot_be_kept_is_served_all_the_same(
    plain: Flask, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream, or a class of one's own, runs at each request; the log says why, and what to do."""

    class Own(Response):
        """A response of a class that the application does not make."""

    cache, runs = flask_caching.Cache(plain), []

    @plain.get("/")
    @cache.cached()
    def view() -> Any:
        runs.append(1)
        if kind == "file":
            return send_file(__file__)
        return Response(part for part in "ab") if kind == "stream" else Own("ab")

    for _ in range(3):
        with plain.test_client().get("/") as response:
            assert response.status_code == 200
            assert response.data
    assert len(runs) == 3
    told = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert len(told) == 3
    assert all(isinstance(error, Misuse) for error in told)
    assert "response_filter" in str(told[0]) or "response_class" in str(told[0])


@pytest.mark.parametrize("debug", [False, True])
def test_aborts_that_cannot_be_kept_reach_the_client(
    plain: Flask, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of another class is no matter for a log: the client gets it, at each request."""
    plain.debug = debug
    plain.config["TRAP_BAD_REQUEST_ERRORS"] = False  # Flask's own in debug: the error, no answer
    cache, runs = flask_caching.Cache(plain), []

    @plain.get("/")
    @cache.cached()
    def view() -> Any:
        runs.append(1)
        return request.form["missing"]

    statuses = [plain.test_client().get("/").status_code for _ in range(3)]
    assert (len(runs), statuses, caplog.records) == (3, [400] * 3, [])


def test_an_application_s_own_response_class(plain: Flask) -> None:
    """If the application says that responses are of a class, they come back as that."""

    class Own(Response):
        """Every response of this application."""

    plain.response_class = Own
    cache = flask_caching.Cache(plain)
    with plain.app_context():
        cache.set("page", Own("x"))
        assert type(cache.get("page")) is Own


@dataclass
class User:
    """What a program may keep."""

    name: str
    since: datetime


def test_values_of_functions(app: Flask) -> None:
    """Whatever a space can store is kept, as it is; classes that were declared too."""
    cache, runs = flask_caching.Cache(app), []
    backend_of(app, cache).space.declare(User)

    @cache.memoize()
    def load(name: str) -> Any:
        runs.append(name)
        return User(name, datetime(2026, 11, 21)), Decimal("1.10"), {1, 2}

    with app.app_context():
        assert load("ada") == load("ada") == load.uncached("ada")
        assert type(load("ada")[2]) is set
    assert runs == ["ada", "ada"]


def test_a_class_that_was_not_declared(plain: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """The result reaches its caller, the log says what to declare; in debug it is an error."""
    cache = flask_caching.Cache(plain)

    @cache.memoize()
    def load() -> User:
        return User("ada", datetime(2026, 11, 21))

    with plain.app_context():
        assert load().name == "ada"
        assert "declare" in caplog.text
        plain.debug = True
        with pytest.raises(Misuse, match="declare"):
            load()


def test_memoize_and_forgetting(app: Flask) -> None:
    """Arguments are told apart; all results of a function, or one, are forgotten."""
    cache, runs = flask_caching.Cache(app), []

    @cache.memoize(60)
    def add(a: int, b: int = 0) -> int:
        runs.append((a, b))
        return a + b

    with app.app_context():
        assert [add(1, 2), add(1, b=2), add(2)] == [3, 3, 2]
        assert runs == [(1, 2), (2, 0)]
        cache.delete_memoized(add, 1, 2)
        assert [add(1, 2), add(2)] == [3, 2]
        assert runs == [(1, 2), (2, 0), (1, 2)]
        cache.delete_memoized(add)
        assert [add(1, 2), add(2)] == [3, 2]
        assert len(runs) == 5
        cache.delete_memoized_verhash(add)
        add(2)
        assert len(runs) == 6


def test_forgetting_reaches_other_processes(shared_place: str, fork: Fork) -> None:
    """What one process has memoized another one uses, and what one forgets is forgotten by all."""

    def call(forget: bool) -> list[int]:
        app, runs = application(CACHE_INSTEP_URL=shared_place), []
        cache = flask_caching.Cache(app)

        @cache.memoize(60)
        def square(number: int) -> int:
            runs.append(number)
            return number * number

        with app.app_context():
            if forget:
                cache.delete_memoized(square)
            assert square(3) == 9
        return runs

    ran = [fork(call, forget).result() for forget in (False, False, True, False)]
    assert ran == [[3], [], [3], []]


def test_fragments_of_templates(app: Flask) -> None:
    """`{% cache %}` keeps what it has rendered, escaped as it was."""
    flask_caching.Cache(app)
    template = "{% cache 60, 'part' %}<i>{{ text }}</i>{% endcache %}"
    with app.test_request_context():
        first = render_template_string(template, text="<one>")
        assert render_template_string(template, text="two") == first == "<i>&lt;one&gt;</i>"


def test_the_calls_of_the_extension(app: Flask) -> None:
    """`get`, `set`, `add`, `has`, `delete`, several at once, `unlink`, `clear`; None is kept."""
    cache = flask_caching.Cache(app)
    with app.app_context():
        assert cache.set("a", 1)
        assert (cache.add("a", 2), cache.add("b", None), cache.get("a")) == (False, True, 1)
        assert (cache.has("b"), cache.has("c")) == (True, False)
        assert cache.set_many({"c": (1,), "d": 2}, timeout=60) == ["c", "d"]
        assert cache.get_many("a", "c", "x") == [1, (1,), None]
        assert cache.get_dict("c", "d") == {"c": (1,), "d": 2}
        assert (cache.delete("a"), cache.delete("a")) == (True, False)
        assert cache.delete_many("c", "never") == ["c", "never"]
        assert cache.unlink("d") == ["d"]
        assert cache.clear() is True
        assert cache.has("b") is False


def test_the_application_s_instep_is_used(tmp_path: Path) -> None:
    """With no URL of its own the cache is in the store of the application's objects."""
    app = application(INSTEP_URL=f"lmdb:{tmp_path / 'state'}", CACHE_KEY_PREFIX="pages")
    shared = Instep(app)
    cache = flask_caching.Cache(app)
    with app.app_context(), closing(shared):
        cache.set("key", 1)
        assert backend_of(app, cache).space is shared
        assert shared.names() == ["pages"]
        assert shared.cache("pages", ttl=300).get("key") == 1


def test_without_an_instep_the_store_is_the_same(tmp_path: Path) -> None:
    """The cache may be made before the `Instep`, or without one: the default is the same store."""
    app = Flask(__name__, instance_path=str(tmp_path))
    app.config["CACHE_TYPE"] = BACKEND
    cache = flask_caching.Cache(app)
    shared = Instep(app)
    with app.app_context(), closing(shared), closing(backend_of(app, cache).space):
        cache.set("key", 1)
        assert shared.names() == ["flask_cache_"]
        assert (tmp_path / "instep").is_dir()


def test_limits_of_the_configuration(caplog: pytest.LogCaptureFixture) -> None:
    """`INSTEP_MAX_RECORD` and `INSTEP_TIMEOUT` count for a cache that has its own store, too."""
    app = application(CACHE_INSTEP_URL="memory:", INSTEP_MAX_RECORD=1000, INSTEP_TIMEOUT=3)
    cache, runs = flask_caching.Cache(app), []
    assert backend_of(app, cache).space.opened().timeout == 3

    @cache.memoize()
    def large() -> str:
        runs.append(1)
        return "x" * 2000

    with app.app_context():
        assert large() == large()
    assert len(runs) == 2
    assert "INSTEP_MAX_RECORD" in caplog.text or "max_record" in caplog.text


def test_two_caches_of_an_application() -> None:
    """Each has its prefix; one is cleared without the other."""
    app = application(CACHE_INSTEP_URL="memory:")
    one = flask_caching.Cache(app, config={"CACHE_KEY_PREFIX": "one", "CACHE_TYPE": BACKEND})
    two = flask_caching.Cache(app, config={"CACHE_KEY_PREFIX": "two", "CACHE_TYPE": BACKEND})
    with app.app_context():
        one.set("key", 1)
        two.set("key", 2)
        one.clear()
        assert (one.get("key"), two.get("key")) == (None, 2)


def test_one_cache_of_several_applications(tmp_path: Path) -> None:
    """A cache of an extension has the store of the application that is current."""
    cache, shared = flask_caching.Cache(), Instep()
    apps = [application(INSTEP_URL=f"lmdb:{tmp_path / name}") for name in "ab"]
    for app in apps:
        shared.init_app(app)
        cache.init_app(app)
    for app in apps:
        with app.app_context():
            assert cache.add("key", app.config["INSTEP_URL"])
    for app in apps:
        with app.app_context():
            assert cache.get("key") == app.config["INSTEP_URL"]
    shared.close()


def test_the_bound_is_the_one_that_was_set() -> None:
    """`CACHE_THRESHOLD`, in either configuration; Flask-Caching's own default is none of ours."""

    def threshold(where: dict[str, Any], **config: Any) -> int | None:
        app = application(CACHE_INSTEP_URL="memory:", **config)
        found: int | None = backend_of(app, flask_caching.Cache(app, config=where))._threshold
        return found

    assert threshold({}) is None
    assert threshold({}, CACHE_THRESHOLD=500) == 500
    assert threshold({"CACHE_THRESHOLD": 70}) == 70
    assert threshold({}, CACHE_OPTIONS={"threshold": 9}) == 9


def test_timeouts_of_the_configuration(plain: Flask) -> None:
    """The default is Flask-Caching's 300 s; `CACHE_DEFAULT_TIMEOUT` and the options change it."""
    assert backend_of(plain, flask_caching.Cache(plain)).default_timeout == 300
    given = flask_caching.Cache(plain, config={"CACHE_DEFAULT_TIMEOUT": 7})
    assert backend_of(plain, given).default_timeout == 7


def test_a_wrong_url_is_told_at_once() -> None:
    """When the application is made, not at the first request."""
    with pytest.raises(Misuse, match="nosuch"):
        flask_caching.Cache(application(CACHE_INSTEP_URL="nosuch:place"))


def test_a_class_of_ones_own_on_it() -> None:
    """The backend can be made and used without Flask-Caching's extension."""
    cache = InstepCache(Space("memory:"), default_timeout=60, key_prefix="mine")
    assert (cache.add("a", 1), cache.inc("a"), cache.dec("a", 2), cache.get("a")) == (True, 2, 0, 0)


def test_a_response_that_links(plain: Flask) -> None:
    """A view that needs its request is cached under the path, and others beside it."""
    cache = flask_caching.Cache(plain)

    @plain.get("/page/<int:number>")
    @cache.cached(query_string=True)
    def page(number: int) -> str:
        return url_for("page", number=number, q=request.args.get("q"))

    client = plain.test_client()
    asked = ["/page/1?q=a", "/page/2?q=a", "/page/1?q=b", "/page/1?q=a"]
    assert [client.get(path).text for path in asked] == asked


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """What Flask-Caching logs of errors is looked at, not printed."""
    caplog.set_level(logging.ERROR)
