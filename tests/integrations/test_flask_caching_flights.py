"""Flask-Caching's decorators with single flight: of many that miss at once, one makes the value."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import flask_caching
import pytest
from werkzeug.exceptions import HTTPException

from actors import Child
from flask import Flask, abort
from instep import Space
from instep.integrations.flask_caching import Cache, InstepCache
from places import PLACES, place
from serving import numbers, serving

BACKEND = "instep.integrations.flask_caching.InstepCache"
CALLERS = 8
WORK = 0.3  # seconds that making a value takes, so that everybody comes meanwhile
Fork = Callable[..., Child]


@pytest.fixture(params=[*PLACES, "memcached"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, on each engine that processes can share."""
    if request.param == "memcached":
        server: str = request.getfixturevalue("memcached_server").url
        return server
    return place(request.param, tmp_path, request.getfixturevalue)


def application(url: str = "memory:", **config: Any) -> tuple[Flask, Cache]:
    """An application and its cache."""
    app = Flask(__name__)
    app.config.update(CACHE_TYPE=BACKEND, CACHE_INSTEP_URL=url, **config)
    return app, Cache(app)


def at_once(app: Flask, call: Callable[[], Any], callers: int = CALLERS) -> list[Any]:
    """What several threads get that call at once."""
    gate = Barrier(callers)

    def enter(_: int) -> Any:
        with app.app_context():
            gate.wait()
            return call()

    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(enter, range(callers)))


def slowly(runs: list[int], result: Any = "made") -> Any:
    """Make a value, and note it."""
    runs.append(1)
    time.sleep(WORK)
    return result


def test_threads() -> None:
    """`cached` and `memoize` run the function once for all, also the very first time."""
    app, cache = application()
    viewed: list[int] = []
    loaded: list[int] = []
    view = cache.cached(key_prefix="view")(lambda: slowly(viewed, ["page"]))

    @cache.memoize()
    def load(name: str) -> Any:
        return slowly(loaded, (name, 1))

    assert at_once(app, view) == [["page"]] * CALLERS
    assert at_once(app, lambda: load("ada")) == [("ada", 1)] * CALLERS
    assert (len(viewed), len(loaded)) == (1, 1)


def test_what_was_found_is_not_stored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has waited takes the value, and leaves its time and a later deletion as they are."""
    app, cache = application()
    stored: list[object] = []
    keep = InstepCache.set

    def noted(backend: InstepCache, key: str, value: Any, timeout: Any = None) -> bool:
        stored.append(value)
        return keep(backend, key, value, timeout)

    monkeypatch.setattr(InstepCache, "set", noted)
    at_once(app, cache.cached(key_prefix="view")(lambda: slowly([], ["page"])))
    assert stored == [["page"]]
    with app.app_context():  # nor is what the program stores itself taken for that
        page = cache.get("view")
        assert cache.set("view", page)
    assert stored == [["page"], ["page"]]


def test_flask_caching_alone_runs_it_for_each() -> None:
    """What this is against: with Flask-Caching's own class several of them run the function."""
    app = Flask(__name__)
    app.config.update(CACHE_TYPE=BACKEND, CACHE_INSTEP_URL="memory:")
    runs: list[int] = []
    view = flask_caching.Cache(app).cached(key_prefix="view")(lambda: slowly(runs))
    at_once(app, view)
    assert len(runs) > 1


@pytest.mark.parametrize("kind", ["cached", "memoize"])
def test_processes(shared_url: str, kind: str, tmp_path: Path, fork: Fork) -> None:
    """Of four processes of two threads one thread runs the function, on every store."""
    gate = tmp_path / "gate"

    def child() -> list[int]:
        app, cache = application(shared_url)
        runs: list[int] = []

        def load() -> Any:
            return slowly(runs)

        decorated: Any = cache.memoize() if kind == "memoize" else cache.cached(key_prefix="key")
        call = decorated(load)
        with app.app_context():
            cache.get("warm")
        (tmp_path / f"ready {time.monotonic_ns()}").touch()
        while not gate.exists():
            time.sleep(0.002)
        assert at_once(app, call, 2) == ["made"] * 2
        return runs

    children = [fork(child) for _ in range(4)]
    while len(list(tmp_path.glob("ready*"))) < 4:
        time.sleep(0.01)
    gate.touch()
    assert sum(len(child.result(60)) for child in children) == 1


def test_whoever_is_killed_leaves_it_to_the_next(
    shared_url: str, tmp_path: Path, fork: Fork
) -> None:
    """A process that dies while it runs the function keeps nobody waiting for long."""
    begun = tmp_path / "begun"

    def stuck() -> None:
        app, cache = application(shared_url)
        with app.app_context():
            cache.cached(key_prefix="key")(lambda: (begun.touch(), time.sleep(60)))()

    def next_one() -> float:
        app, cache = application(shared_url)
        with app.app_context():
            start = time.monotonic()
            assert cache.cached(key_prefix="key")(lambda: "made")() == "made"
            return time.monotonic() - start

    child = fork(stuck)
    while not begun.exists():
        time.sleep(0.01)
    child.kill()
    assert fork(next_one).result(30) < 9.0  # not the 10 s after which nobody waits any more


@pytest.mark.parametrize("what", ["none", "abort", "error", "generator", "refused", "filter"])
@pytest.mark.parametrize("kind", ["cached", "memoize"])
def test_every_result_ends_the_flight(
    what: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None, an abort, an error, a refused result, a filter that fails: nobody is left waiting."""
    app, cache = application()
    flown: list[str] = []
    flight = InstepCache.flight

    def noted(backend: InstepCache, key: str) -> Any:
        flown.append(key)
        return flight(backend, key)

    def make() -> Any:
        if what == "abort":
            abort(404)
        if what == "error":
            raise ValueError(what)
        return (part for part in "ab") if what == "generator" else None

    filters = {"refused": lambda made: False, "filter": lambda made: 1 / 0}
    options: Any = {"response_filter": filters.get(what)}
    decorate = cache.memoize if kind == "memoize" else cache.cached
    call = decorate(**options)(make) if kind == "memoize" else decorate(0, "key", **options)(make)
    monkeypatch.setattr(InstepCache, "flight", noted)
    with app.app_context():
        for _ in range(2):
            with suppress(HTTPException, ValueError, ZeroDivisionError):
                call()
    assert flown
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(free, app, cache, flown[-1]).result(5)


def free(app: Flask, cache: Cache, key: str) -> bool:
    """Whether nobody is making the value of a key; waits while somebody is."""
    with app.app_context():
        backend: Any = cache.cache
        with backend.flight(key):
            return True


def test_a_refused_result_is_made_by_each_in_turn() -> None:
    """What the filter refuses is not kept, and nobody gets another caller's."""
    app, cache = application()
    runs: list[int] = []
    view = cache.cached(key_prefix="k", response_filter=lambda made: False)(
        lambda: runs.append(1) or len(runs)
    )
    assert sorted(at_once(app, view)) == list(range(1, CALLERS + 1))


def test_none_is_found_by_those_who_waited() -> None:
    """With `cache_none`, None is a result as any other."""
    app, cache = application()
    runs: list[int] = []
    view = cache.cached(key_prefix="k", cache_none=True)(lambda: slowly(runs, None))
    assert at_once(app, view) == [None] * CALLERS
    assert len(runs) == 1


def test_an_abort_is_found_by_those_who_waited() -> None:
    """They get the same error, as they would from the cache."""
    app, cache = application()
    runs: list[int] = []
    view = cache.cached(key_prefix="k")(lambda: abort(slowly(runs, 410)))

    def code() -> int:
        with pytest.raises(HTTPException) as error:
            view()
        return error.value.code or 0

    assert at_once(app, code) == [410] * CALLERS
    assert len(runs) == 1


@pytest.mark.parametrize("way", ["unless", "forced_update"])
def test_what_goes_past_the_cache_waits_for_nobody(way: str) -> None:
    """Calls that are told to run the function all run it, at the same time."""
    app, cache = application()
    together = Barrier(CALLERS)
    options: Any = {way: lambda: cache.get("no such key") is None}
    view = cache.cached(key_prefix="k", **options)(lambda: together.wait(20) >= 0)
    assert at_once(app, view) == [True] * CALLERS  # or the barrier would have broken


def test_a_stale_value_is_made_anew() -> None:
    """`is_stale` decides, as in Flask-Caching."""
    app, cache = application()
    runs: list[int] = []
    view = cache.cached(key_prefix="k", is_stale=lambda value: value < 2)(
        lambda: runs.append(1) or len(runs)
    )
    with app.app_context():
        assert [view(), view(), view()] == [1, 2, 2]


def test_one_that_uses_another() -> None:
    """A cached function may call another one, which is a flight of its own, and itself."""
    app, cache = application()
    runs: list[str] = []

    @cache.memoize()
    def inner(number: int) -> int:
        runs.append("inner")
        return inner(number - 1) + 1 if number else 0

    @cache.cached(key_prefix="outer")
    def outer() -> int:
        runs.append("outer")
        return inner(2) + inner(2)

    with app.app_context():
        assert (outer(), outer()) == (4, 4)
    assert runs == ["outer", "inner", "inner", "inner"]


def test_who_waits_too_long_makes_it_too(caplog: pytest.LogCaptureFixture) -> None:
    """After the timeout a caller runs the function itself, as it would without any of this."""
    app = Flask(__name__)
    app.config.update(CACHE_TYPE=BACKEND)
    cache = Cache(app)
    begun, end = Event(), Event()
    app.extensions["cache"][cache] = InstepCache(Space("memory:", timeout=0.2))

    def slow() -> str:
        begun.set()
        assert end.wait(20)
        return "first"

    def call(work: Callable[[], str]) -> Any:
        with app.app_context():
            return cache.cached(key_prefix="k")(work)()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(call, slow)
        assert begun.wait(20)
        assert call(lambda: "second") == "second"
        end.set()
        assert first.result(20) == "first"
    assert "'k' is being made" in caplog.text


def test_another_backend_is_left_alone() -> None:
    """With a backend of Flask-Caching's own the class is just Flask-Caching's."""
    app = Flask(__name__)
    cache = Cache(app, config={"CACHE_TYPE": "SimpleCache"})
    runs: list[int] = []
    view = cache.cached(key_prefix="k")(lambda: slowly(runs))
    at_once(app, view, 2)
    assert len(runs) == 2


PROGRAM = """
import os, time
from flask import Flask
from instep.flask import Instep
from instep.integrations.flask_caching import Cache

app = Flask(__name__)
app.config["CACHE_TYPE"] = "instep.integrations.flask_caching.InstepCache"
app.config["CACHE_INSTEP_URL"] = os.environ["WHERE"]
cache = Cache(app)


@app.get("/")
def count():
    return f"number {cache.cache.inc('visits')}"


@app.get("/page")
@cache.cached(timeout=60)
def page():
    time.sleep(0.3)
    return f"number {cache.cache.inc('pages')}"


@cache.memoize(60)
def load(name):
    time.sleep(0.3)
    return cache.cache.inc(name)


@app.get("/memoized")
def memoized():
    return f"number {load('ada')}"
"""


def test_gunicorn(shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 clients at once, 4 workers of 2 threads: each has its number, the page is made once."""
    monkeypatch.setenv("WHERE", shared_url)
    (tmp_path / "cached.py").write_text(PROGRAM)
    with serving("cached:app", tmp_path) as up:
        assert numbers(up, 100, "/page") == [1] * 100
        assert numbers(up, 100, "/memoized") == [1] * 100
        each = numbers(up, 100)
        assert each == list(range(each[0], each[0] + 100))
