"""Every server, really started: it answers, is judged rightly, and nothing of it stays behind."""

import doctest
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import instep.races.prove
from instep.errors import Misuse
from instep.races import running
from instep.races.diseases import Disease
from instep.races.load import Load, read_number
from instep.races.prove import Plan, Run, prove
from instep.races.servers import SERVERS, Cell
from instep.races.verdict import Word
from prove_processes import marked

pytestmark = pytest.mark.usefixtures("mark")
HERE = Path(__file__).parent
EVERY = pytest.mark.parametrize("server", list(SERVERS))


def only(program: str, server: str, workers: int, threads: int, *, requests: int = 60) -> Run:
    """Run one program in one cell."""
    plan = Plan(
        f"prove_programs:{program}",
        server=server,
        workers=workers,
        threads=threads,
        load=Load(clients=20, requests=requests),
        matrix=False,
        fresh=True,
        chdir=HERE,
    )
    (run,) = prove(plan)
    return run


@pytest.mark.parametrize("server", ["gunicorn", "flask-processes"])
def test_a_right_program_is_right_under(server: str) -> None:
    """A counter in a locked file, without any of this library, is unique and in order."""
    run = only("locked", server, 2, 2)
    assert run.verdict.word is Word.RIGHT, (run.verdict, run.printed)
    assert (run.verdict.answered, run.verdict.first, run.verdict.last) == (60, 1, 60)


@pytest.mark.parametrize("server", [name for name, server in SERVERS.items() if server.workers])
def test_a_plain_global_is_state_per_process_under(server: str) -> None:
    """Several processes with a global each are told apart from colliding threads."""
    run = only("plain", server, 4, 2)
    assert run.verdict.diseases == (Disease.PROCESS_STATE,), run.verdict
    assert len(run.verdict.workers) > 1


@pytest.mark.parametrize("server", ["gunicorn", "gunicorn-gevent", "waitress", "uwsgi", "flask"])
def test_a_wait_between_read_and_write_is_a_thread_race_under(server: str) -> None:
    """One process whose threads (or greenlets) collide shows two threads with one number."""
    run = only("window", server, 1, 4)
    assert run.verdict.diseases == (Disease.THREAD_RACE,), run.verdict
    first, second = run.verdict.witnesses[0].pair or pytest.fail("no witness")
    assert first.pid == second.pid
    assert len({request.thread for request in run.requests}) > 1


@EVERY
def test_the_control_answers_one_request_at_a_time_under(server: str) -> None:
    """In the 1x1 cell even the worst program is right, so it is a control."""
    plan = Plan(
        "prove_programs:window",
        server=server,
        workers=1,
        threads=1,
        load=Load(clients=10, requests=20),
        chdir=HERE,
    )
    assert plan.cells == [Cell(1, 1)]
    (run,) = prove(plan)
    assert run.verdict.word is Word.RIGHT, run.verdict


def test_a_shared_file_without_a_lock_is_a_process_race() -> None:
    """Workers that share a file but update it in two steps collide across processes."""
    run = only("unlocked", "gunicorn", 4, 1)
    assert run.verdict.diseases == (Disease.PROCESS_RACE,), run.verdict


def test_ranges_of_their_own_are_state_per_process() -> None:
    """Workers that number by themselves are found although no number comes twice."""
    run = only("blocks", "gunicorn", 2, 1)
    assert run.verdict.unique
    assert run.verdict.diseases == (Disease.PROCESS_STATE,), run.verdict


def test_server_errors_are_unknown_and_explain_the_gaps() -> None:
    """A program that counts and then answers 503 half of the time is not accused of skipping."""
    run = only("halting", "waitress", 1, 1)
    assert (run.verdict.answered, run.verdict.unknown) == (30, 30)
    assert run.verdict.skipped in (29, 30)
    assert run.verdict.word is Word.RIGHT


@pytest.mark.parametrize("program", ["silent", "refusing", "failing"])
def test_a_program_without_numbers_is_unclear(program: str) -> None:
    """Nothing is said about a program that never answered with a number; a sample is kept."""
    run = only(program, "waitress", 1, 1, requests=5)
    assert run.verdict.word is Word.UNCLEAR
    assert run.verdict.sample is not None
    assert "visitor" in run.verdict.sample.body


def test_a_time_out_is_unknown() -> None:
    """A request that is given up may have counted."""
    plan = Plan(
        "prove_programs:window",
        server="flask",
        threads=1,
        load=Load(clients=2, requests=2, timeout=0.0005),
        matrix=False,
        chdir=HERE,
    )
    (run,) = prove(plan)
    assert run.verdict.unknown >= 1
    assert run.verdict.failed == 0


def test_a_factory_is_called_with_its_arguments() -> None:
    """`MODULE:FACTORY(…)` builds the application inside the server."""
    assert only("make(41, text='no. ')", "waitress", 1, 1, requests=1).verdict.first == 42


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("no_such_module:app", "No module named 'no_such_module'"),
        ("prove_programs:absent", "'absent' is not in"),
        ("prove_programs:nothing", "is of type int, not a WSGI application"),
        ("prove_programs:make(print())", "must be plain literals"),
        ("prove_programs:not a name", "neither a name nor a call"),
        ("prove_programs:[1]", "write MODULE:APP"),
    ],
)
def test_a_program_that_cannot_be_loaded_says_why(target: str, complaint: str) -> None:
    """The server's own words are in the error."""
    with pytest.raises(Misuse, match="ended before it answered") as raised:
        list(prove(Plan(target, server="waitress", chdir=HERE)))
    assert complaint in str(raised.value)


@EVERY
def test_a_broken_program_ends_the_wait_under(server: str) -> None:
    """No server is waited for once it has given up, and what it printed is kept."""
    with pytest.raises(Misuse, match="no_such_module"):
        list(prove(Plan("no_such_module:app", server=server, chdir=HERE, patience=60)))


def test_a_server_that_does_not_answer_is_given_up() -> None:
    """The wait for the first answer is bounded."""
    with pytest.raises(Misuse, match="did not answer within"):
        list(prove(Plan("prove_programs:plain", chdir=HERE, patience=0.001)))


def test_an_unknown_server_is_refused() -> None:
    """The error lists those that there are."""
    with pytest.raises(Misuse, match=r"'apache'.*waitress"):
        Plan("a:b", server="apache")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Plan("a:b", workers=0),
        lambda: Plan("a:b", server="flask", options=("--preload",)),
        lambda: Load(clients=0),
        lambda: Load(path="no/slash"),
        lambda: Load(path="/two words"),
        lambda: Load(method="GET /"),
    ],
)
def test_what_cannot_be_asked_is_refused(wrong: Callable[[], object]) -> None:
    """The mistake is told before any server is started."""
    with pytest.raises(Misuse):
        wrong()


def test_a_server_takes_options_of_its_own() -> None:
    """A program that gunicorn loads before it forks is judged like any other."""
    plan = Plan(
        "prove_programs:blocks", load=Load(20, 60), matrix=False, options=("--preload",), chdir=HERE
    )
    (run,) = prove(plan)
    assert run.verdict.diseases == (Disease.PROCESS_STATE,), run.verdict


def test_the_matrix_of_each_server() -> None:
    """A server without threads or workers has the smaller matrix."""
    expected = {
        "gunicorn": ["1x1", "1x2", "4x2"],
        "gunicorn-gevent": ["1x1", "1x2", "4x2"],
        "waitress": ["1x1", "1x2"],
        "uwsgi": ["1x1", "1x2", "4x2"],
        "flask": ["1x1", "1x2"],
        "flask-processes": ["1x1", "4x1"],
    }
    cells = {name: [str(cell) for cell in Plan("a:b", server=name).cells] for name in SERVERS}
    assert cells == expected


@pytest.mark.parametrize(
    ("body", "pattern", "number"),
    [
        ("7", None, 7),
        ("balance: -12 of 30", None, -12),
        ('<meta charset="utf-8"><p>you are <b>41</b></p>', None, 41),
        ("<head><title>5 shops</title><style>p{margin:3px}</style></head><h1>41</h1>", None, 41),
        ('{"n": 41, "of": 3}', None, 41),
        ("no number", None, None),
        ("3 of 41", r"of (\d+)", 41),
        ("3 of 41", r"4\d", 41),
        ("3 of 41", r"(of)", None),
        ("3 of 41", r"x(\d+)|of", None),
    ],
)
def test_the_number_in_a_body(body: str, pattern: str | None, number: int | None) -> None:
    """Without a pattern it is the first integer that a reader sees; with one, its first group."""
    assert read_number(re.compile(pattern) if pattern else None, body) == number


def test_the_example_in_the_docstring(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is promised there runs."""
    monkeypatch.chdir(HERE.parent)
    assert doctest.testmod(instep.races.prove) == (0, 2)


def test_requests_are_spread_evenly() -> None:
    """The total is the total, whatever the number of clients."""
    assert Load(clients=3, requests=8).shares() == [3, 3, 2]
    assert Load(clients=100, requests=2).shares() == [1, 1]


def test_the_fresh_store_is_new_for_each_run_and_removed(tmp_path: Path) -> None:
    """Both rounds start at one, and no folder is left."""
    plan = Plan(
        "prove_programs:locked",
        server="waitress",
        load=Load(clients=4, requests=8),
        matrix=False,
        rounds=2,
        fresh=True,
        chdir=HERE,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path))
        runs = list(prove(plan))
    assert [(run.turn, run.verdict.first) for run in runs] == [(1, 1), (2, 1)]
    assert list(tmp_path.iterdir()) == []


def test_an_exception_in_the_caller_ends_the_server(mark: str) -> None:
    """Nothing stays behind when the load breaks off, here in the progress callback."""
    plan = Plan("prove_programs:window", load=Load(requests=400), chdir=HERE)

    def stop(*_: object) -> None:
        assert marked(mark)
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        list(prove(plan, stop))


def test_a_stranger_at_the_port_is_not_taken_for_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A port that somebody else holds is given up, and another one is tried."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1]])
        from instep.races import running

        free = running._free_port
        monkeypatch.setattr(running, "_free_port", lambda: next(ports, None) or free())
        assert only("plain", "waitress", 1, 1).verdict.word is Word.RIGHT


def test_a_port_that_somebody_takes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one is tried."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = running._free_port
        ports = iter([taken.getsockname()[1], free()])
        monkeypatch.setattr(running, "_free_port", lambda: next(ports))
        run = only("locked", "waitress", 1, 1, requests=10)
    assert run.verdict.word is Word.RIGHT, run.printed
    assert list(ports) == []
