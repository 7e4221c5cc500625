"""Flask-Limiter under real servers: a limit holds over all workers, whichever strategy it has.

100 clients at once ask a program with four workers of two threads each, which lets 20 of them
through. With the storage that Flask-Limiter has for one process, each worker lets 20 through.
"""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask_limiter import Limiter
from flask_limiter.commands import cli
from flask_limiter.util import get_remote_address
from limits.strategies import STRATEGIES

from flask import Flask
from instep.flask import Instep
from instep.races.load import Load, fire
from places import PLACES, place
from serving import serving

WORKERS = 4
CLIENTS = 100
LIMIT = 20

PROGRAM = """
import os

import instep.integrations.limits
from flask import Flask
from flask_limiter import Limiter
from instep.flask import Instep

app = Flask(__name__)
if os.environ.get("INSTEP_URL"):
    Instep(app)


def limited(strategy):
    limiter = Limiter(
        lambda: "everybody", app=app, storage_uri=os.environ["STORAGE"], strategy=strategy
    )
    view = limiter.limit("20/hour")(lambda: "number 1")
    app.add_url_rule(f"/{strategy}", strategy, view)


for strategy in ("fixed-window", "moving-window", "sliding-window-counter"):
    limited(strategy)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the program in it."""
    monkeypatch.delenv("INSTEP_URL", raising=False)
    monkeypatch.delenv("INSTEP_FRESH", raising=False)
    (tmp_path / "limited.py").write_text(PROGRAM)
    return tmp_path


def answers(
    program: Path, server: str = "gunicorn", *options: str
) -> dict[str, Counter[int | None]]:
    """Of each strategy, how many of the clients got which status."""
    with serving("limited:app", program, server, options=options, workers=WORKERS) as up:
        found, pids = {}, set()
        for strategy in STRATEGIES:
            load = Load(clients=CLIENTS, requests=CLIENTS, path=f"/{strategy}")
            requests = fire(load, up.port)
            found[strategy] = Counter(request.status for request in requests)
            pids |= {request.pid for request in requests}
        assert len(pids) > 1, up.printed()
        return found


AS_MANY_AS_MAY = {strategy: {200: LIMIT, 429: CLIENTS - LIMIT} for strategy in STRATEGIES}


@pytest.mark.parametrize("engine", [*PLACES, "memcached"])
def test_as_many_pass_as_may(
    program: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
) -> None:
    """Of 100 clients over four workers 20 pass, and a restart gives nobody another chance."""
    if engine == "memcached":
        url = request.getfixturevalue("memcached_server").url
    else:
        url = place(engine, program, request.getfixturevalue)
    monkeypatch.setenv("STORAGE", f"instep+{url}")
    assert answers(program) == AS_MANY_AS_MAY
    if engine == "lmdb":
        assert answers(program) == {strategy: {429: CLIENTS} for strategy in STRATEGIES}


@pytest.mark.parametrize(
    ("server", "options"),
    [("gunicorn", ("--preload",)), ("gunicorn-gevent", ()), ("uwsgi", ())],
)
def test_whichever_way_workers_are_made(
    program: Path, monkeypatch: pytest.MonkeyPatch, server: str, options: tuple[str, ...]
) -> None:
    """Also with greenlets, and where the program is loaded before the workers are forked."""
    monkeypatch.setenv("INSTEP_URL", f"lmdb:{program / 'state'}?durability=none")
    monkeypatch.setenv("STORAGE", "instep://")
    assert answers(program, server, *options) == AS_MANY_AS_MAY


def test_memory_lets_each_worker_have_its_own(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this is for: in the memory of each process a limit is that of a process."""
    monkeypatch.setenv("STORAGE", "memory://")
    for strategy, statuses in answers(program).items():
        assert LIMIT < statuses[200] <= LIMIT * WORKERS, strategy


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    """An application with a limit of two on each of its pages, in its own store."""
    import instep.integrations.limits  # noqa: F401 - makes the URIs known

    app = Flask("shop", instance_path=str(tmp_path / "instance"))
    app.config.update(INSTEP_URL="memory:", RATELIMIT_STORAGE_URI="instep://")
    return app


def limited(app: Flask, **options: Any) -> Limiter:
    """Let each page be asked for twice a minute."""
    options.setdefault("default_limits", ["2/minute"])
    limiter = Limiter(get_remote_address, app=app, headers_enabled=True, **options)
    app.add_url_rule("/", "home", lambda: "home")
    app.add_url_rule("/other", "other", lambda: "other")
    return limiter


def statuses(app: Flask, path: str, times: int) -> list[int]:
    """The statuses that a client gets, one after the other."""
    client = app.test_client()
    return [client.get(path).status_code for _ in range(times)]


def test_the_headers_tell_what_is_left(app: Flask) -> None:
    """X-RateLimit-Remaining counts down, and Retry-After says when to come again."""
    Instep(app)
    limited(app)
    client = app.test_client()
    found = [client.get("/").headers for _ in range(3)]
    assert [headers["X-RateLimit-Remaining"] for headers in found] == ["1", "0", "0"]
    assert 0 < int(found[-1]["Retry-After"]) <= 60
    assert statuses(app, "/other", 3) == [200, 200, 429]


def test_reset_in_the_applications_context(app: Flask) -> None:
    """`limiter.reset()` gives everybody all of it again."""
    Instep(app)
    limiter = limited(app)
    assert statuses(app, "/", 3) == [200, 200, 429]
    with app.app_context():
        limiter.reset()
    assert statuses(app, "/", 3) == [200, 200, 429]


def test_the_commands_of_flask_limiter(app: Flask) -> None:
    """`flask limiter config` shows the storage, and `flask limiter clear` ends a key's limits."""
    Instep(app)
    limited(app)
    assert statuses(app, "/", 3) == [200, 200, 429]
    runner = app.test_cli_runner()
    shown = runner.invoke(cli, ["config"])
    assert shown.exit_code == 0, shown.output
    assert "InstepStorage" in shown.output
    cleared = runner.invoke(cli, ["clear", "--key", "127.0.0.1", "-y"])
    assert cleared.exit_code == 0, cleared.output
    assert statuses(app, "/", 3) == [200, 200, 429]


def test_the_options_of_the_storage(app: Flask) -> None:
    """RATELIMIT_STORAGE_OPTIONS reach it: here a name of its own in the space."""
    shared = Instep(app)
    app.config["RATELIMIT_STORAGE_OPTIONS"] = {"key_prefix": "visits"}
    limited(app)
    assert statuses(app, "/", 3) == [200, 200, 429]
    with app.app_context():
        assert shared.names() == ["visits"]


def test_a_space_of_the_programs_own(app: Flask) -> None:
    """Two applications with one limit: both are given the same space."""
    from instep import Space

    space = Space("memory:")
    apps = [app, Flask("other")]
    for each in apps:
        limited(each, storage_uri="instep://", storage_options={"space": space})
    assert [statuses(each, "/", 2) for each in apps] == [[200, 200], [429, 429]]


def test_a_store_that_is_gone(app: Flask, tmp_path: Path) -> None:
    """Flask-Limiter's ways out work: in memory meanwhile, or no limit at all."""
    options = partial(dict, storage_uri=f"instep+manager:{tmp_path}/nobody.sock")
    limited(app, **options(in_memory_fallback=["1/minute"]))
    assert statuses(app, "/", 2) == [200, 429]
    other = Flask("other")
    limited(other, **options(swallow_errors=True))
    assert statuses(other, "/", 3) == [200, 200, 200]
