"""The extension: factories, blueprints, several applications, configuration, errors."""

import gc
import os
import stat
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flask import Blueprint, Flask, Response
from instep import Conflict, InstepError, LockTimeout, Misuse, Space
from instep.flask import Instep

NewApp = Callable[..., Flask]


class Visits:
    """What the pages show."""

    def __init__(self, n: int = 0) -> None:
        self.n = n

    def visit(self) -> int:
        """Count."""
        self.n += 1
        return self.n


@contextmanager
def held(app: Flask, shared: Instep, *objects: object) -> Iterator[None]:
    """Somebody else holds objects for the length of the block."""
    ready, done = threading.Event(), threading.Event()

    def hold() -> None:
        with app.app_context(), shared.transaction(*objects):
            ready.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert ready.wait(30)
        yield
    finally:
        done.set()
        thread.join()


def test_the_eight_lines_of_the_readme(new_app: NewApp) -> None:
    """Instep(app), share, and a view: every request counts, and a second process goes on."""
    app = new_app()
    shared = Instep(app)
    visits = shared.share("visits", Visits, 0)
    app.get("/")(lambda: str(visits.visit()))
    client = app.test_client()
    assert [client.get("/").text for _ in range(3)] == ["1", "2", "3"]
    shared.close()
    assert client.get("/").text == "4"
    shared.close()


def test_factories_and_blueprints(new_app: NewApp) -> None:
    """Declared at import, bound in a factory, used in a blueprint."""
    shared = Instep()
    visits, stock = shared.family("visits", Visits, 10), shared.mapping("stock")
    pages = Blueprint("pages", __name__)

    @pages.get("/<who>")
    def page(who: str) -> dict[str, Any]:
        stock[who] = visits[who].visit()
        return dict(stock)

    def create_app() -> Flask:
        app = new_app(INSTEP_URL="memory:")
        shared.init_app(app)
        app.register_blueprint(pages)
        return app

    client = create_app().test_client()
    assert client.get("/ann").json == {"ann": 11}
    assert client.get("/bob").json == {"ann": 11, "bob": 11}
    assert create_app().test_client().get("/ann").json == {"ann": 11}


def test_several_applications_in_one_process(new_app: NewApp) -> None:
    """Each application has its own store, also when the requests are nested."""
    shared = Instep()
    hits = shared.counter("hits")
    apps = [new_app("one"), new_app("two")]
    for app in apps:
        shared.init_app(app)
        app.get("/")(lambda: str(hits.increment()))
    one, two = (app.test_client() for app in apps)
    assert [one.get("/").text, one.get("/").text, two.get("/").text] == ["1", "2", "1"]
    with apps[0].app_context():
        assert hits.value == 2
        with apps[1].app_context():
            assert hits.value == 1
        assert hits.value == 2
    shared.close()


def test_two_applications_may_share_a_store(new_app: NewApp, tmp_path: Path) -> None:
    """The same URL in two applications is the same store."""
    url = f"lmdb:{tmp_path / 'both'}"
    shared = [Instep(new_app(name, INSTEP_URL=url)) for name in ("one", "two")]
    assert [extension.counter("hits").increment() for extension in shared] == [1, 2]
    for extension in shared:
        extension.close()


def test_transactions_do_not_cross_applications(new_app: NewApp) -> None:
    """A call on another application's store inside a transaction is refused."""
    shared = Instep()
    hits, apps = (
        shared.counter("hits"),
        [new_app("one", INSTEP_URL="memory:"), new_app("two", INSTEP_URL="memory:")],
    )
    for app in apps:
        shared.init_app(app)
    with apps[0].app_context(), shared.transaction(hits):
        hits.increment()
        with apps[1].app_context(), pytest.raises(Misuse, match="two stores"):
            hits.increment()
    with apps[1].app_context():
        assert hits.value == 0


def test_outside_of_a_context(new_app: NewApp) -> None:
    """One bound application is meant; of none and of several, Misuse says what to do."""
    shared = Instep()
    hits = shared.counter("hits")
    for use in (
        hits.increment,
        lambda: hits.value,
        shared.names,
        lambda: shared.share("v", Visits).n,
    ):
        with pytest.raises(Misuse, match=r"init_app\(app\)"):
            use()
    one, two = new_app("one", INSTEP_URL="memory:"), new_app("two", INSTEP_URL="memory:")
    shared.init_app(one)
    assert hits.increment() == 1
    shared.init_app(two)
    with pytest.raises(Misuse, match=r"app_context"):
        hits.increment()
    with one.app_context():
        assert hits.value == 1


def test_an_application_that_is_not_bound(new_app: NewApp) -> None:
    """Inside of another application's context, Misuse names it."""
    shared = Instep(new_app("one", INSTEP_URL="memory:"))
    with new_app("stranger").app_context(), pytest.raises(Misuse, match=r"'stranger'.*init_app"):
        shared.counter("hits").increment()


def test_one_application_has_one_extension(new_app: NewApp) -> None:
    """A second Instep on an application is Misuse; the same one again changes nothing."""
    app = new_app(INSTEP_URL="memory:")
    shared = Instep(app)
    assert shared.counter("hits").increment() == 1
    shared.init_app(app)
    assert shared.counter("hits").increment() == 2
    with pytest.raises(Misuse, match="'shop' has an Instep"):
        Instep(app)
    assert app.extensions["instep"] is shared


def test_the_default_is_the_instance_folder(new_app: NewApp) -> None:
    """Without a URL: lmdb below instance_path, made at first use, for nobody else's eyes."""
    app = new_app()
    shared = Instep(app)
    hits = shared.counter("hits")
    assert not os.path.exists(app.instance_path)
    hits.increment()
    folder = Path(app.instance_path, "instep")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    shared.close()


def test_modes_do_not_depend_on_the_umask(new_app: NewApp) -> None:
    """Also where everything is made for everybody."""
    before = os.umask(0)
    try:
        test_the_default_is_the_instance_folder(new_app)
    finally:
        os.umask(before)


def test_an_instance_path_with_odd_characters(tmp_path: Path) -> None:
    """Spaces, percent and question marks in the path are parts of the path."""
    path = tmp_path / "what? 100% & more" / "instance"
    app = Flask("odd", instance_path=str(path))
    shared = Instep(app)
    assert shared.counter("hits").increment() == 1
    assert (path / "instep").is_dir()
    shared.close()


def test_configuration_goes_before_the_environment(
    new_app: NewApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """INSTEP_URL of the configuration, else of the environment, else the instance folder."""
    monkeypatch.setenv("INSTEP_URL", f"lmdb:{tmp_path / 'environment'}")
    configured = Instep(new_app("one", INSTEP_URL=f"lmdb:{tmp_path / 'config'}"))
    inherited = Instep(new_app("two"))
    for shared in (configured, inherited):
        shared.counter("hits").increment()
        shared.close()
    assert (tmp_path / "config").is_dir()
    assert (tmp_path / "environment").is_dir()
    assert not (tmp_path / "two").exists()
    for name, folder in (("config", "config"), ("environment", "environment")):
        other = Space(f"lmdb:{tmp_path / folder}")
        assert other.counter("hits").value == 1, name
        other.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INSTEP_URL", "mysql://x"),
        ("INSTEP_TIMEOUT", -1),
        ("INSTEP_TIMEOUT", "soon"),
        ("INSTEP_MAX_RECORD", 0),
    ],
)
def test_a_configuration_that_cannot_be(new_app: NewApp, name: str, value: Any) -> None:
    """It is Misuse in init_app, not at the first request; the application stays unbound."""
    app = new_app(**{name: value})
    shared = Instep()
    with pytest.raises(Misuse):
        shared.init_app(app)
    assert "instep" not in app.extensions
    app.config[name] = None if name == "INSTEP_URL" else 1000
    shared.init_app(app)


def test_the_limits_of_the_configuration_count(new_app: NewApp) -> None:
    """INSTEP_TIMEOUT and INSTEP_MAX_RECORD are the space's timeout and max_record."""
    app = new_app(INSTEP_URL="memory:", INSTEP_TIMEOUT=0.05, INSTEP_MAX_RECORD=100)
    shared = Instep(app)
    hits = shared.counter("hits")
    with pytest.raises(Misuse, match="100"):
        shared.value("v").set("x" * 200)
    with held(app, shared, hits), pytest.raises(LockTimeout) as caught:
        hits.increment()
    assert caught.value.timeout == 0.05


def test_a_lock_timeout_is_a_503(new_app: NewApp) -> None:
    """A real view that waits for too long answers 503 with Retry-After; then it works again."""
    app = new_app(INSTEP_URL="memory:", INSTEP_TIMEOUT=0.05)
    shared = Instep(app)
    visits = shared.share("visits", Visits)
    app.get("/")(lambda: str(visits.visit()))
    client = app.test_client()
    with held(app, shared, visits):
        refused = client.get("/")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert client.get("/").text == "1"


@pytest.mark.parametrize("kind", [Conflict, InstepError])
def test_a_handler_for_every_conflict_is_the_programs_own(
    new_app: NewApp, kind: type[InstepError]
) -> None:
    """One for a class above LockTimeout is not passed over for ours."""
    app = new_app(INSTEP_URL="memory:", INSTEP_TIMEOUT=0.05)
    shared = Instep(app)
    hits = shared.counter("hits")
    app.register_error_handler(kind, lambda error: (f"mine: {error.name}", 409))
    app.get("/")(lambda: str(hits.increment()))
    with held(app, shared, hits):
        answer = app.test_client().get("/")
    assert (answer.status_code, answer.text) == (409, "mine: hits")


@pytest.mark.parametrize("first", ["handler", "extension"])
def test_the_programs_own_handler_wins(new_app: NewApp, first: str) -> None:
    """Whether it is registered before or after the extension; a 503 page likewise."""
    app = new_app(INSTEP_URL="memory:", INSTEP_TIMEOUT=0.05)
    shared = Instep()
    hits = shared.counter("hits")
    if first == "extension":
        shared.init_app(app)
    app.register_error_handler(LockTimeout, lambda error: (f"mine: {error.name}", 418))
    if first == "handler":
        shared.init_app(app)
    app.get("/")(lambda: str(hits.increment()))
    with held(app, shared, hits):
        answer = app.test_client().get("/")
    assert (answer.status_code, answer.text) == (418, "mine: hits")


def test_a_page_for_503_is_used(new_app: NewApp) -> None:
    """A handler for 503, which gives errors their look, gives it to this one too."""
    app = new_app(INSTEP_URL="memory:", INSTEP_TIMEOUT=0.05)
    shared = Instep(app)
    hits = shared.counter("hits")
    app.register_error_handler(503, lambda error: Response("a nice page", 503))
    app.get("/")(lambda: str(hits.increment()))
    with held(app, shared, hits):
        answer = app.test_client().get("/")
    assert (answer.status_code, answer.text) == (503, "a nice page")


def test_a_view_that_raises_changes_nothing(new_app: NewApp) -> None:
    """A transaction in a view goes with the exception that ends the view."""
    app = new_app(INSTEP_URL="memory:")
    shared = Instep(app)
    visits, hits = shared.share("visits", Visits), shared.counter("hits")

    @app.get("/")
    def page() -> str:
        with shared.transaction(visits, hits):
            hits.increment(visits.visit())
            raise LookupError

    assert app.test_client().get("/").status_code == 500
    assert (visits.n, hits.value) == (0, 0)


def test_the_shell_knows_it(new_app: NewApp) -> None:
    """`flask shell` has the extension under the name shared."""
    app = new_app(INSTEP_URL="memory:")
    shared = Instep(app)
    assert app.make_shell_context()["shared"] is shared


def test_an_application_is_not_kept_alive() -> None:
    """A test-suite that makes an application for each test does not keep them all."""
    shared = Instep()
    app = Flask("short-lived")
    app.config["INSTEP_URL"] = "memory:"
    shared.init_app(app)
    with app.app_context():
        shared.counter("hits").increment()
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


def test_repr_names_the_applications(new_app: NewApp) -> None:
    """Before and after it is bound."""
    shared = Instep()
    assert "no application" in repr(shared)
    shared.init_app(new_app(INSTEP_URL="memory:"))
    assert "shop" in repr(shared)
