"""The example with APScheduler under real servers: one worker runs the job, never the parent."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from actors import until
from daemon import free_port
from instep import Space
from instep.races.servers import Cell
from places import place
from serving import serving

EXAMPLE = Path(__file__).parents[2] / "examples" / "scheduler.py"
PATIENCE = 60.0  # seconds; of a busy machine
FOUR = Cell(4, 1)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the example in it."""
    for name in ("INSTEP_URL", "INSTEP_FRESH"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(EXAMPLE, tmp_path)
    return tmp_path


def ask(port: int) -> dict[str, Any]:
    """What the page says; nothing while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with closing(connection), suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("GET", "/")
        said: dict[str, Any] = json.loads(connection.getresponse().read())
        return said
    return {"runs": [], "fence": 0, "served_by": 0}


def runs(port: int, enough: Callable[[list[int]], bool]) -> list[int]:
    """The processes in which the job ran, in their order, as soon as they are enough."""

    def found() -> Any:
        time.sleep(0.05)
        ran = ask(port)["runs"]
        return ran if enough(ran) else None

    ran: list[int] = until(found, PATIENCE)
    return ran


def parent_of(pid: int) -> int:
    """A process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize("engine", ["lmdb", "redis", "postgresql", "manager"])
def test_a_job_runs_once_under_four_workers(
    program: Path,
    engine: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """gunicorn with 4 workers: one of them runs the job, another when it is killed."""
    if engine != "lmdb":
        monkeypatch.setenv("INSTEP_URL", place(engine, program, request.getfixturevalue))
    with serving("scheduler:app", program, cell=FOUR) as up:
        ran = runs(up.port, lambda ran: len(ran) >= 4)
        [first] = set(ran)
        assert parent_of(first) == up.pid
        os.kill(first, signal.SIGKILL)
        killed = time.monotonic()
        ran = runs(up.port, lambda ran: ran[-1] != first)
        print(f"\n{engine}: the job ran again {time.monotonic() - killed:.2f} s after the kill")
        ran = runs(up.port, lambda ran: len(set(ran)) == 2 and ran.count(ran[-1]) >= 3)
        second = ran[-1]
        at = ran.index(second)
        assert set(ran[:at]) == {first}  # one after the other, never both
        assert set(ran[at:]) == {second}
        assert ask(up.port)["fence"] == 2
    again = ran
    # The master was ended properly: nobody waits for a lease.
    with serving("scheduler:app", program, cell=FOUR) as up:
        ran = runs(up.port, lambda ran: ran[-1] != second)
        assert ran[: len(again)] == again


def test_without_a_leader_every_worker_runs_it(program: Path) -> None:
    """The same program with a scheduler in each worker: this is what the others would see."""
    text = EXAMPLE.read_text().replace("leader.campaign(jobs.start, jobs.stop)", "jobs.start()")
    text = text.replace("term is not None", "True").replace("term.fence", "0")
    (program / "scheduler.py").write_text(text)
    with serving("scheduler:app", program, cell=FOUR) as up:
        assert len(set(runs(up.port, lambda ran: len(set(ran)) == 4))) == 4


@pytest.mark.parametrize(
    ("server", "cell", "options", "engine"),
    [
        pytest.param("gunicorn", Cell(4, 2), ("--preload",), "lmdb", id="preload"),
        pytest.param("gunicorn-gevent", Cell(3, 8), (), "redis", id="gevent"),
        pytest.param("gunicorn-gevent", Cell(3, 8), ("--preload",), "redis", id="gevent-preload"),
        pytest.param("uwsgi", Cell(3, 2), (), "lmdb", id="uwsgi"),
        pytest.param("uwsgi", Cell(3, 2), ("--lazy-apps",), "redis", id="uwsgi-lazy"),
    ],
)
def test_a_worker_leads_and_not_the_master(
    program: Path,
    server: str,
    cell: Cell,
    options: tuple[str, ...],
    engine: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However the server forks: a worker runs the job, also before the first request, and another
    one when it is killed."""
    url = place(engine, program, request.getfixturevalue)
    monkeypatch.setenv("INSTEP_URL", url)
    with (
        serving("scheduler:app", program, server, cell, options) as up,
        closing(Space(url)) as space,
    ):
        until(lambda: "report" in space.names(), PATIENCE)
        ran = runs(up.port, lambda ran: len(ran) >= 3)
        [first] = set(ran)
        assert first != up.pid
        os.kill(first, signal.SIGKILL)
        ran = runs(up.port, lambda ran: len(set(ran)) == 2 and ran.count(ran[-1]) >= 2)
        assert ran[-1] not in (first, up.pid)


def test_one_process_that_forks_for_each_request(program: Path) -> None:
    """app.run(processes=10): the parent runs the job, since its children end with their request."""
    with serving("scheduler:app", program, "flask-processes", Cell(10, 1)) as up:
        ran = runs(up.port, lambda ran: len(ran) >= 3)
        [first] = set(ran)
        assert first == up.pid


def test_the_reloaders_child_runs_it(program: Path) -> None:
    """flask run --debug imports the program twice: the process that serves has the job, also after
    a change of the source."""
    port = free_port()
    command = ["-m", "flask", "--app", "scheduler", "run", "--debug", "--port", str(port)]
    with (program / "log").open("wb") as output:
        parent = subprocess.Popen(
            [sys.executable, *command],
            cwd=program,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        ran = runs(port, lambda ran: len(ran) >= 3)
        assert set(ran) == {ask(port)["served_by"]}
        assert parent.pid not in ran
        source = program / "scheduler.py"
        source.write_text(source.read_text() + "\n# changed\n")
        ran = runs(port, lambda ran: len(set(ran)) == 2 and ran.count(ran[-1]) >= 2)
        assert ran[-1] == ask(port)["served_by"]
        assert parent.pid not in ran
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGTERM)
        parent.wait(PATIENCE)
        until(lambda: not listening(port))


def listening(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0
