"""Ready-made resources under real servers that fork, asking real servers; and the naive globals."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import LIBRARIES, echo_server, wrong_answers

from actors import until
from instep.races.servers import Cell
from servers import Postgres, Redis
from serving import numbers, serving

PRELOAD = ("--preload",)
PATIENT = (*PRELOAD, "--graceful-timeout", "60")  # or a slow worker would be killed


@pytest.fixture
def around(
    redis_server: Redis,
    postgres_server: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[pytest.MonkeyPatch]:
    """The environment of the program: where the servers are that it asks."""
    with echo_server() as (echo, _):
        url = postgres_server.url
        monkeypatch.setenv("POSTGRES", url)
        monkeypatch.setenv("ALCHEMY", url.replace("postgresql://", "postgresql+psycopg://"))
        monkeypatch.setenv("REDIS", redis_server.url)
        monkeypatch.setenv("ECHO", echo)
        monkeypatch.setenv("INSTEP_URL", "memory:")
        yield monkeypatch


@pytest.mark.parametrize(
    ("server", "cell", "options"),
    [
        pytest.param("gunicorn", Cell(4, 2), PRELOAD, id="gunicorn-preload"),
        pytest.param("gunicorn-gevent", Cell(3, 8), PRELOAD, id="gevent-preload"),
        pytest.param("gunicorn-gevent", Cell(3, 8), (), id="gevent"),
        pytest.param("uwsgi", Cell(4, 2), (), id="uwsgi"),
        pytest.param("flask-processes", Cell(10, 1), (), id="flask-processes"),
    ],
)
def test_a_hundred_clients_get_their_own_answers(
    around: pytest.MonkeyPatch,
    tmp_path: Path,
    server: str,
    cell: Cell,
    options: tuple[str, ...],
) -> None:
    """What was used before the fork is not used after it: every answer is the right one."""
    around.setenv("LIBRARIES", " ".join(LIBRARIES))
    around.setenv("NAIVE", "")
    wrong, printed = wrong_answers(tmp_path, server, cell, options, LIBRARIES, 60)
    assert not wrong, (wrong, printed)


CLOSING = """
import os
from pathlib import Path
from flask import Flask
from instep.flask import Instep

app = Flask(__name__)
shared = Instep(app)

def close(pid):
    assert pid == os.getpid()
    Path(f"closed-{pid}").touch()

db = shared.resource(os.getpid, close=close)
db()

@app.route("/")
def home():
    return f"number {db()}"
"""


@pytest.mark.parametrize(
    ("server", "cell", "options"),
    [
        pytest.param("gunicorn", Cell(3, 2), PATIENT, id="gunicorn-preload"),
        pytest.param("gunicorn-gevent", Cell(3, 8), PATIENT, id="gevent-preload"),
        pytest.param("uwsgi", Cell(3, 2), (), id="uwsgi"),
    ],
)
def test_workers_close_their_own_at_their_end(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    server: str,
    cell: Cell,
    options: tuple[str, ...],
) -> None:
    """When the server is stopped, each worker that has used it closes what it has made itself."""
    monkeypatch.setenv("INSTEP_URL", "memory:")
    (tmp_path / "closing_program.py").write_text(CLOSING)
    with serving("closing_program:app", tmp_path, server, cell, options) as up:
        used = set(numbers(up, 24))
        until(lambda: all(map(sleeps, used)) and not connections(up.port))
        os.kill(up.pid, signal.SIGTERM)
        until(lambda: used <= closed_in(tmp_path))
    assert closed_in(tmp_path) <= used | {up.pid}


def connections(port: int) -> int:
    """How many connections a server on loopback has not closed yet."""
    at, open_ones = f"0100007F:{port:04X}", ("01", "08")  # established, or closed by the client
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[1] == at and line.split()[3] in open_ones for line in lines)


def sleeps(pid: int) -> bool:
    """Whether no thread of a process runs or wants to: uWSGI calls nothing in a busy worker."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "S" for stat in threads)


def closed_in(folder: Path) -> set[int]:
    """The processes that have closed something of theirs."""
    return {int(path.name.partition("-")[2]) for path in folder.glob("closed-*")}


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_naive_global_gives_wrong_answers(
    around: pytest.MonkeyPatch, tmp_path: Path, library: str
) -> None:
    """One socket in four workers: other people's answers, errors, or none at all."""
    around.setenv("NAIVE", library)
    wrong, _ = wrong_answers(tmp_path, "gunicorn", Cell(4, 2), PRELOAD, (library,), 5, 3000)
    print(*wrong)
    assert wrong
