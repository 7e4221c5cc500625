"""What a stranger's review of resources, sessions, once and leaders found; each failed first."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors import until
from flask import Flask, stream_with_context
from instep import Misuse, PoolTimeout, Space
from instep.flask import Instep
from instep.integrations.httpx import client
from instep.integrations.session import Session
from manager_server import Manager
from proxy import Proxy
from session_apps import Shop, cookie, sets


class Thing:
    """Something that can be closed, and can be found broken."""

    def __init__(self) -> None:
        self.sound, self.open = True, True

    def close(self) -> None:
        """Close it."""
        self.open = False


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(work: Callable[[], None], threads: int) -> None:
    """Run something in several threads at once."""
    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


@pytest.mark.usefixtures("hasty")
def test_of_many_who_find_it_broken_one_replaces_it() -> None:
    """What one of them has made anew is not closed by another, who saw the broken one as well."""
    threads, rounds = 8, 1500
    made: list[Thing] = []
    got: list[Thing] = []

    def make() -> Thing:
        made.append(Thing())
        return made[-1]

    things = Space("memory:").resource(make, close=Thing.close, check=lambda thing: thing.sound)
    things()

    def next_round() -> None:
        assert [thing.open for thing in made[:-1]] == [False] * bool(got)  # one made for one broken
        assert all(thing is made[-1] and thing.open for thing in got)
        made[:], got[:] = [made[-1]], []
        made[-1].sound = False

    barrier = threading.Barrier(threads, next_round)
    failed: list[object] = []

    def work() -> None:
        try:
            for _ in range(rounds):
                barrier.wait(60)
                got.append(things())
        except Exception as error:
            failed.append(error)

    together(work, threads)
    assert failed == []


@pytest.mark.usefixtures("hasty")
def test_overrides_of_many_threads_leave_nothing_behind() -> None:
    """Blocks that begin and end at the same time take away their own fake each."""
    resource = Space("memory:").resource(lambda: "real")
    seen: set[str] = set()

    def work() -> None:
        for _ in range(10_000):
            with resource.override("fake"):
                seen.add(resource())

    together(work, 4)
    assert seen == {"fake"}
    assert resource() == "real"


def test_a_generator_that_ends_inside_of_a_later_block() -> None:
    """The block that began later goes on, and what has ended is not found afterwards."""
    space = Space("memory:")
    things = space.resource(Thing, scope="request", close=Thing.close)

    def rows() -> Iterator[Thing]:
        with things as thing:
            yield thing

    generator = rows()
    early = next(generator)
    with space.scope():
        late = things()
        generator.close()  # type: ignore[attr-defined]
        assert (early.open, late.open) == (False, True)
        assert things() is late
    assert not late.open
    with things as another:
        assert another.open


def test_a_generator_that_ends_in_another_thread() -> None:
    """It cannot be closed there, and the error says why."""
    things = Space("memory:").resource(Thing, scope="request", close=Thing.close)

    def rows() -> Iterator[Thing]:
        with things as thing:
            yield thing

    generator, errors = rows(), []
    next(generator)

    def end() -> None:
        try:
            generator.close()  # type: ignore[attr-defined]
        except Misuse as error:
            errors.append(str(error))

    together(end, 1)
    assert "another thread" in errors[0]


async def _soon() -> None:
    raise AssertionError


def _later() -> Iterator[None]:
    raise AssertionError
    yield


@pytest.mark.parametrize("factory", [_soon, _later])
def test_a_factory_that_makes_nothing_yet(factory: Callable[[], Any]) -> None:
    """A coroutine or generator is not the thing: refused where it is declared."""
    with pytest.raises(Misuse, match="close="):
        Space("memory:").resource(factory)


@pytest.mark.parametrize("fn", [_soon, _later])
def test_once_runs_no_function_that_does_nothing_yet(fn: Callable[[], Any]) -> None:
    """What was not run does not count as done."""
    space = Space("memory:")
    with pytest.raises(Misuse):
        space.once("job").run(fn)
    assert space.once("job").done is None


def test_a_start_that_does_nothing_yet_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    """An async `start` is not run, and said to have failed."""
    leader = Space("memory:").leader("job", lease=1)
    leader.campaign(_soon)
    until(lambda: "coroutine" in caplog.text)
    leader.resign()


def test_a_stop_that_wants_to_end_the_thread_still_hands_over() -> None:
    """`sys.exit` in `stop` does not keep the seat."""
    space = Space("memory:")
    first, second = space.leader("job", lease=1), space.leader("job", lease=1)
    first.campaign(stop=sys.exit)
    until(lambda: first.leads)
    first.resign()
    second.campaign()
    until(lambda: second.leads)
    second.resign()


def test_once_on_two_applications_at_a_time(tmp_path: Path) -> None:
    """A block that has nothing to do, on another store, does not end the one around it."""
    shared = Instep()
    here, there = (Flask(name, instance_path=str(tmp_path / name)) for name in ("here", "there"))
    for app in (here, there):
        app.config["INSTEP_URL"] = "memory:"
        shared.init_app(app)
    once = shared.once("job")
    with there.app_context(), once as first:
        assert first
    with here.app_context():
        with once as first:
            assert first
            with there.app_context(), once as again:
                assert not again
            assert once.done is None
        assert once.done is not None


def test_a_leader_that_lost_its_connection_leads_no_longer_than_the_next_one_waits() -> None:
    """To a manager on another machine a connection may be lost while both ends live."""
    with Manager(tcp=True) as server:
        proxy = Proxy("127.0.0.1", server.port)
        far, near = Space(server.url_at(proxy.port)), Space(server.url)
        first, second = far.leader("job", lease=2), near.leader("job", lease=2)
        first.campaign()
        until(lambda: first.leads)
        second.campaign()
        proxy.refuse()
        proxy.cut()
        begin, terms = time.monotonic(), {1}
        while len(terms) < 2:
            one, other = first.term, second.term
            assert not (one and other and first.leads), (one, other)
            terms |= {term.fence for term in (one, other) if term}
            assert time.monotonic() < begin + 30
            time.sleep(0.001)
        assert not first.leads
        second.resign()
        first.resign()
        near.close()
        proxy.close()


def test_a_stream_uses_what_the_view_has_used(tmp_path: Path) -> None:
    """Where Flask ends the context before the body begins, the body has one of its own."""
    app = Flask("shop", instance_path=str(tmp_path))
    app.config["INSTEP_URL"] = "memory:"
    app.testing = True
    shared = Instep(app)
    made: list[Thing] = []

    def make() -> Thing:
        made.append(Thing())
        return made[-1]

    db = shared.resource(make, scope="request", close=Thing.close)

    @app.route("/")
    def home() -> Any:
        assert db().open

        def parts() -> Iterator[str]:
            for _ in range(3):
                assert db().open
                yield "x"

        return stream_with_context(parts())

    assert app.test_client().get("/").text == "xxx"
    assert not any(thing.open for thing in made)


def test_a_rotation_in_a_block_counts_when_the_block_ends() -> None:
    """Who knows the old id never sees what the block has put in, not for a moment."""
    shop = Shop()
    client = shop.client(n=0)
    thief = shop.same(client)
    seen: list[str] = []

    def login(session: Session) -> None:
        with session.transaction():
            session.rotate()
            session["user"] = "anna"
        seen.append(shop.seen(thief))
        session["after"] = True

    shop.visit(client, login)
    assert seen == ["{}"]
    assert cookie(client) != cookie(thief)
    assert shop.seen(client) == "{'after': True, 'n': 0, 'user': 'anna'}"
    assert len(shop.records()) == 1


def test_a_block_that_rotates_and_leaves_too_much_changes_nothing() -> None:
    """What does not fit is refused before the old record is gone."""
    shop = Shop()
    client = shop.client(n=0)

    def login(session: Session) -> None:
        with pytest.raises(Misuse, match="at most"), session.transaction():
            session.rotate()
            session["much"] = b"x" * (1 << 20)

    shop.visit(client, login)
    assert shop.seen(client) == "{'n': 0}"


def test_without_refresh_a_block_that_changes_something_moves_the_expiry() -> None:
    """A transaction changes the session like anything else does, and renews it."""
    shop = Shop(SESSION_REFRESH_EACH_REQUEST=False)
    shop.lifetime(100)
    client = shop.client(n=0)
    [(_, before)] = shop.records()

    def count(session: Session) -> None:
        with session.transaction():
            session["n"] += 1

    shop.lifetime(1000)  # as if much of it had gone
    shop.visit(client)
    [(_, read)] = shop.records()
    assert read.expires == before.expires
    shop.visit(client, count)
    [(_, after)] = shop.records()
    assert after.expires > before.expires + 800


def test_a_cookie_signed_with_an_old_key_is_signed_anew() -> None:
    """Who comes while the old key still counts is not logged out when it goes."""
    shop = Shop()
    client = shop.client(user="anna")
    shop.app.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["dev"])
    assert len(sets(shop.visit(client))) == 1
    assert sets(shop.visit(client)) == []
    shop.app.config.update(SECRET_KEY_FALLBACKS=[])
    assert shop.seen(client) == "{'user': 'anna'}"


class _Slow(BaseHTTPRequestHandler):
    go = threading.Event()

    def do_GET(self) -> None:
        """Answer when it may."""
        self.go.wait(60)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_who_waits_for_an_answer_has_a_connection() -> None:
    """An httpx client whose connections all wait for a slow server says who waits there."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    steps: list[str] = []
    web = client(Space("memory:"), max_connections=1, timeout=httpx.Timeout(60, pool=0.2))
    where = f"http://127.0.0.1:{server.server_port}/"

    def wait() -> None:
        web().get(where, extensions={"trace": lambda step, _: steps.append(step)})

    waiting = threading.Thread(target=wait, name="patient")
    waiting.start()
    until(lambda: steps)
    with pytest.raises(PoolTimeout, match="all 1 are in use") as caught:
        web().get(where)
    assert [one.thread_name for one in caught.value.borrowers] == ["patient"]
    assert f"{__file__}:" in caught.value.borrowers[0].where
    _Slow.go.set()
    waiting.join()
    assert web().get(where).status_code == 200
    web.close()
    server.shutdown()
    server.server_close()
