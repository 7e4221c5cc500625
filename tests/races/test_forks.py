"""The fork scan: what was made too early is found under real servers, what is sound is not."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from instep.cli import main
from instep.errors import Misuse
from instep.races.document import forks
from instep.races.forks import Forks, Kind, Leftover, Scan, scanned, words
from instep.races.forks.descriptors import appends, descriptors, peer
from instep.races.forks.naming import holder, named
from instep.races.forks.reach import Own, Step, walk
from instep.races.forks.threads import held, living
from instep.races.load import Load
from instep.races.prove import Plan, prove, scan
from instep.races.target import Target
from instep.races.variables import READY
from servers import Postgres, Redis

HERE = Path(__file__).parent / "served"
pytestmark = pytest.mark.usefixtures("mark")
FORKING = ["gunicorn", "gunicorn-gevent", "uwsgi", "flask-processes"]

EARLY = {
    (Kind.CONNECTION, "fork_programs.clients['bank'].connection"),
    (Kind.CONNECTION, "fork_programs.Client.spare"),
    (Kind.DATABASE, "fork_programs.database"),
    (Kind.FILE, "fork_programs.journal"),
    (Kind.POOL, "fork_programs.pool"),
    (Kind.RANDOM, "fork_programs.dice"),
    (Kind.RANDOM, "fork_programs.app.extensions['dice']"),
    (Kind.LOCK, "fork_programs.lock"),
    (Kind.LOCK, "fork_programs.condition"),
    (Kind.THREAD, "fork_programs.holder"),
    (Kind.THREAD, ""),
}


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Lets the program know what to make, and where its files go."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return monkeypatch


def kinds(found: Scan) -> set[tuple[Kind, str]]:
    """What was found, without its details."""
    return {(leftover.kind, leftover.name) for leftover in found.leftovers}


@pytest.mark.parametrize("server", FORKING)
def test_what_is_made_early_is_found_under(role: pytest.MonkeyPatch, server: str) -> None:
    """Each kind once, by the name of its variable, in every worker that was asked."""
    role.setenv("FORK_PROGRAM", "early")
    found = scan(Plan("fork_programs:app", server=server, workers=2, chdir=HERE))
    assert kinds(found) == EARLY
    assert {len(pids) for pids in found.leftovers.values()} == {found.processes}


@pytest.mark.parametrize("server", ["gunicorn", "gunicorn-gevent", "flask-processes"])
def test_what_is_mended_or_sound_is_not_told_under(role: pytest.MonkeyPatch, server: str) -> None:
    """After-fork hooks, appending, resources, stores and what never was open are no findings."""
    role.setenv("FORK_PROGRAM", "sound")
    found = scan(Plan("fork_programs:app", server=server, workers=2, chdir=HERE))
    assert kinds(found) == set()
    assert found.processes


def test_without_a_fork_after_the_loading_nothing_is_left_over(role: pytest.MonkeyPatch) -> None:
    """gunicorn without --preload loads the program in each worker."""
    role.setenv("FORK_PROGRAM", "early")
    plan = Plan("fork_programs:app", workers=2, matrix=False, chdir=HERE, load=Load(4, 4))
    (run,) = prove(plan)
    assert run.forks.processes
    assert kinds(run.forks) == set()


@pytest.mark.parametrize("seed", [None, 5])
def test_nothing_of_the_program_is_asked(role: pytest.MonkeyPatch, seed: int | None) -> None:
    """Objects that record (and refuse) every question are walked past unnoticed."""
    role.setenv("FORK_PROGRAM", "touchy")
    options = ("--preload",)
    load = Load(1, 3)
    plan = Plan(
        "fork_programs:app", load=load, options=options, seed=seed, matrix=False, chdir=HERE
    )
    (run,) = prove(plan)
    assert {request.body for request in run.requests} == {"0 []"}, run.printed
    assert run.forks.leftovers == {}
    assert run.forks.processes >= 1


DRIVERS = """
import os, psycopg, redis, sqlalchemy
from flask import Flask

app = Flask(__name__)
app.add_url_rule("/", view_func=lambda: "1")
store = redis.Redis.from_url(os.environ["REDIS"])
store.ping()
unused = redis.Redis.from_url(os.environ["REDIS"])
database = psycopg.connect(os.environ["POSTGRES"])
engine = sqlalchemy.create_engine(os.environ["POSTGRES"].replace(":", "+psycopg:", 1))
engine.connect().close()
disposed = sqlalchemy.create_engine(os.environ["POSTGRES"].replace(":", "+psycopg:", 1))
disposed.connect().close()
os.register_at_fork(after_in_child=lambda: disposed.dispose(close=True))


def make():
    connection = psycopg.connect(os.environ["POSTGRES"])
    return lambda: str(connection)


app.add_url_rule("/other", "other", make())
"""


def test_clients_and_engines_are_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    redis_server: Redis,
    postgres_server: Postgres,
) -> None:
    """Whatever holds the connection deep inside, the variable is told, and only if it is open."""
    (tmp_path / "drivers.py").write_text(DRIVERS)
    monkeypatch.setenv("REDIS", redis_server.url)
    monkeypatch.setenv("POSTGRES", postgres_server.url)
    found = scan(Plan("drivers:app", workers=2, chdir=tmp_path))
    assert {(leftover.name, leftover.what) for leftover in found.leftovers} == {
        ("drivers.store", "redis.client.Redis"),
        ("drivers.database", "psycopg.Connection"),
        ("drivers.engine", "sqlalchemy.engine.base.Engine"),
        ("drivers.app.view_functions['other'], variable connection", "psycopg.Connection"),
    }


def instep(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, [*arguments, "--chdir", str(HERE)])


def test_the_command_tells_and_exits_with_1(role: pytest.MonkeyPatch) -> None:
    """It names the variable, says what becomes of it, and what to do instead."""
    role.setenv("FORK_PROGRAM", "early")
    result = instep("prove", "fork_programs:app", "--forks", "--workers", "2")
    assert result.exit_code == 1, result.output
    flat = " ".join(result.output.split())
    assert "made before the fork and still there in the " in flat
    assert " asked: 11 things" in flat
    assert "connection: fork_programs.Client.spare (socket.socket) to 127.0.0.1:" in flat
    assert "all workers talk over one connection" in flat
    assert flat.count("an instep resource is made at its first use there") == 1
    assert "thread: fork_programs.holder (threading.Thread): 'Thread-1 (holding)' runs" in flat


def test_a_sound_program_exits_with_0(role: pytest.MonkeyPatch) -> None:
    """It says that it looked, and in how many processes."""
    role.setenv("FORK_PROGRAM", "sound")
    result = instep("prove", "fork_programs:app", "--forks", "--workers", "2", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["leftovers"] == []
    assert document["asked"] in (1, 2)


def test_an_ordinary_run_tells_it_too(role: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a paragraph of its own, once for all runs, in the text and on the page."""
    role.setenv("FORK_PROGRAM", "early")
    page = tmp_path / "page.html"
    command = ("prove", "fork_programs:app", "--option=--preload", "--workers", "2", "--no-matrix")
    result = instep(*command, "--rounds", "2", "--clients", "8", "--report", str(page))
    assert result.output.count("made before the fork") == 1
    assert page.read_text().count("all workers stand at the same place") == 1


def test_the_document_of_a_scan() -> None:
    """Machines get kind, name, class, detail and the processes."""
    left = Leftover(Kind.CONNECTION, "shop.bank", "shop.Bank", "10.0.0.1:443")
    assert forks(Scan(3, {left: (11, 12)})) == {
        "asked": 3,
        "leftovers": [
            {
                "kind": "connection",
                "name": "shop.bank",
                "what": "shop.Bank",
                "detail": "10.0.0.1:443",
                "pids": [11, 12],
            }
        ],
    }


@pytest.mark.parametrize(
    "options", [("--server", "waitress"), ("--workers", "1"), ("--server", "flask")]
)
def test_a_server_that_does_not_fork_exits_with_2(options: tuple[str, ...]) -> None:
    """There is nothing to be left over, and the message says what to change."""
    result = instep("prove", "fork_programs:app", "--forks", *options)
    assert result.exit_code == 2
    assert "forks nothing: take more workers" in " ".join(result.output.split())


def test_a_program_that_cannot_be_loaded_is_said() -> None:
    """The scan ends as any proof does that could not be run."""
    with pytest.raises(Misuse, match="no_such_module"):
        scan(Plan("no_such_module:app", workers=2, chdir=HERE))


def answer(target: Target, path: str) -> bytes:
    """The body of one answer."""
    return b"".join(target({"PATH_INFO": path}, lambda status, headers, *_: None))


def test_a_worker_that_was_asked_too_late_says_nothing(tmp_path: Path) -> None:
    """Once requests have come, what they hold would be taken for what was left over."""
    target = Target(lambda environ, start: [b"1"], "token", Forks(tmp_path))
    assert answer(target, "/") == b"1"
    assert json.loads(answer(target, READY)) == {"leftovers": None, "amplified": None}


def test_a_scan_that_fails_does_not_harm_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the server is as ready as it was."""
    target = Target(lambda environ, start: [b"1"], "token", Forks(tmp_path))
    monkeypatch.setattr(target.forks, "left", lambda: 1 / 0)
    assert json.loads(answer(target, READY))["leftovers"] is None
    assert "the fork scan failed" in caplog.text
    assert answer(target, "/") == b"1"


def test_what_several_processes_said_is_put_together() -> None:
    """One that was asked too late says nothing, and is not counted as having nothing."""
    left = Leftover(Kind.RANDOM, "shop.dice", "random.Random")
    told = {
        "12": {"leftovers": [left.document()]},
        "11": {"leftovers": [left.document()]},
        "13": {"leftovers": None},
    }
    assert scanned(told) == Scan(2, {left: (11, 12)})


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_its_words(kind: Kind) -> None:
    """What becomes of it, and what to do instead."""
    lines = words.sentences([Leftover(kind, "shop.x", "X", "detail")])
    assert lines == [lines[0], words.EFFECT[kind], f"Instead: {words.REMEDY[kind]}"]
    assert lines[0].startswith(f"{kind}: shop.x (X)")
    assert lines[0].endswith("detail")


def test_who_is_at_the_other_end_of_a_socket(tmp_path: Path) -> None:
    """Of a connected one with a named end; its blocking mode stays as it was."""
    socket.setdefaulttimeout(5)
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as alone:
            with socket.create_connection(server.getsockname()) as client:
                client.setblocking(False)
                assert peer(client.fileno()) == f"127.0.0.1:{server.getsockname()[1]}"
                assert not os.get_blocking(client.fileno())
            assert peer(server.fileno()) is peer(alone.fileno()) is None
    finally:
        socket.setdefaulttimeout(None)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))
        assert peer(client.fileno()) == str(tmp_path / "s")
    left, right = socket.socketpair()
    with left, right:
        assert peer(left.fileno()) is None
    assert peer(-1) is None


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_who_is_at_the_other_end_of_a_socket_of_version_6() -> None:
    """The address is in brackets, so that its port can be told."""
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with server, socket.create_connection(server.getsockname()[:2]) as client:
        assert peer(client.fileno()) == f"[::1]:{server.getsockname()[1]}"


def test_a_descriptor_is_told_by_what_it_is(tmp_path: Path) -> None:
    """A number that was given away again is another file."""
    with (tmp_path / "a").open("w") as file:
        number, first = file.fileno(), descriptors()[file.fileno()]
        assert first.is_file
        assert not first.is_socket
        assert not appends(number)
    with (tmp_path / "b").open("a") as file:
        assert file.fileno() == number
        assert descriptors()[number] != first
        assert appends(number)


def test_names_go_as_far_as_the_program_is_its_own() -> None:
    """Through its containers, classes, closures and slots, up to the first library object."""

    class Slotted:
        __slots__ = ("inner", "unset")

        def __init__(self, inner: object) -> None:
            self.inner = inner

    Slotted.__module__ = "shop"
    goal, other = threading.Thread(), object()
    closed = (lambda thing: lambda: thing)(goal)
    ways = {
        "shop.plain": {"plain": goal},
        "shop.d['k'][1]": {"d": {"k": [other, goal]}},
        "shop.d[3]": {"d": {3: goal}},
        "shop.d[\u2026]": {"d": {(1, 2): goal}},
        "shop.box.inner": {"box": Slotted(goal)},
        "shop.f, variable thing": {"f": closed},
    }
    for name, space in ways.items():
        own = {"shop": space}
        step = next(step for step in walk(own, {}) if step.thing is goal)
        assert named(holder(step, own)) == name
    own = {"shop": {"far": SimpleNamespace(near=goal)}}
    step = next(step for step in walk(own, {}) if step.thing is goal)
    assert (named(holder(step, own)), named(step)) == ("shop.far", "shop.far.near")


def test_the_walk_is_bounded_and_comes_to_an_end() -> None:
    """Circles are walked once, modules and classes of others not at all."""
    circle: list[object] = [os, subprocess.Popen]
    circle.append(circle)
    own: dict[str, dict[str, object]] = {"shop": {"circle": circle}}
    assert [step.thing for step in walk(own, {})] == [own["shop"], circle]
    own["shop"]["many"] = [[] for _ in range(1000)]
    assert len(list(walk(own, {}, limit=100))) == 100


def test_what_is_installed_is_not_the_program_itself(tmp_path: Path) -> None:
    """Neither an environment below the folder nor this library is."""
    own = Own(tmp_path)
    assert own.has("shop", str(tmp_path / "shop.py"))
    assert not own.has("flask", str(tmp_path / ".venv/lib/python3/site-packages/flask.py"))
    assert not own.has("instep.space", str(tmp_path / "src/instep/space.py"))
    assert not own.has("os", os.__file__)
    assert not own.has("made", None)
    assert "os" not in Own(Path(sys.prefix)).modules()


def test_a_lock_is_held_by_who_is_gone() -> None:
    """A re-entrant lock tells its owner; a plain one cannot."""
    plain, again = threading.Lock(), threading.RLock()
    condition = threading.Condition()
    assert not any(held(lock, {1}) for lock in (plain, again, condition, "no lock"))
    plain.acquire()
    with again, condition:
        mine = {threading.get_ident()}
        assert all(held(lock, mine) for lock in (plain, again, condition))
        assert not held(again, {1})
        assert not held(condition, {1})


def test_the_threads_that_live_are_named_by_what_they_run() -> None:
    """The function, the method or the class; the main thread is none of them."""
    end = threading.Event()

    class Waiter(threading.Thread):
        def run(self) -> None:
            end.wait()

    threads = [threading.Thread(target=end.wait), threading.Thread(target=_wait, args=(end,))]
    threads.append(Waiter())
    for thread in threads:
        thread.start()
    try:
        mine = {thread.name for thread in threads}
        found = {ran.runs for ran in living() if ran.name in mine}
        assert found == {"threading.Event.wait", f"{__name__}._wait", f"{__name__}.Waiter"}
    finally:
        end.set()
        for thread in threads:
            thread.join()


def _wait(end: threading.Event) -> None:
    end.wait()


def test_the_way_to_a_thing_begins_where_the_walk_began() -> None:
    """A step without one before it is a beginning."""
    beginning = Step({}, None, "shop")
    assert [step.name for step in Step([], beginning).path] == ["shop", ""]
