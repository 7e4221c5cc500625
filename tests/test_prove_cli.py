"""`instep prove` from outside: exit codes, what it prints, and that it leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from instep.cli import main, prove_command
from instep.races.servers import SERVERS
from prove_processes import marked

HERE = Path(__file__).parent


def prove(*arguments: str) -> Result:
    """Run the command in this process, in the folder with the programs."""
    return CliRunner().invoke(main, ["prove", "--chdir", str(HERE), *arguments])


def test_a_right_program_exits_with_0() -> None:
    """It says that nothing was seen, with the bound, and not that nothing is there."""
    result = prove("prove_programs:locked", "--fresh", "--workers", "2")
    assert result.exit_code == 0, result.output
    assert result.output.count("Not seen is not proven") == 3
    assert "fewer than 3.00% of" in result.output


def test_a_plain_global_exits_with_1() -> None:
    """The matrix shows a right control and a wrong whole, names the disease and two requests."""
    result = prove("prove_programs:plain", "--server", "gunicorn", "--workers", "4")
    assert result.exit_code == 1, result.output
    flat = " ".join(result.output.split())
    assert "1 worker x 1 thread: right" in flat
    assert "4 workers x 2 threads: wrong: state per process" in flat
    assert re.search(
        r"number \d+ went to request \d+ \(pid \d+, thread \d+, [\d.]+-[\d.]+ ms\)", flat
    )
    assert "asked afterwards one after the other" in flat


def test_a_window_exits_with_1() -> None:
    """Colliding threads of one process are called a thread race."""
    result = prove("prove_programs:window", "--workers", "1", "--threads", "4", "--no-matrix")
    assert result.exit_code == 1, result.output
    assert "1 worker x 4 threads: wrong: thread race" in result.output


def test_a_broken_program_exits_with_2() -> None:
    """The server's own words are shown."""
    result = prove("no_such_module:app")
    assert result.exit_code == 2
    assert "ModuleNotFoundError: No module named 'no_such_module'" in result.output


def test_a_program_without_numbers_exits_with_2() -> None:
    """What it did answer is shown, so that the pattern can be mended."""
    result = prove("prove_programs:silent", "--server", "waitress", "--no-matrix")
    assert result.exit_code == 2
    assert "unclear: no number read" in result.output
    assert "<p>visitor without a number</p>" in result.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--number", "(unclosed"), "is not a regular expression"),
        (("--server", "apache"), "'apache' is not one of"),
        (("--clients", "0"), "0 is not in the range"),
        (("--timeout", "0"), "is not in the range"),
        (("--chdir", "/no/such/folder"), "does not exist"),
        (("--no-such-option",), "No such option"),
    ],
)
def test_a_wrong_option_exits_with_2(arguments: tuple[str, ...], complaint: str) -> None:
    """Nothing is started, and the usage says what is wrong."""
    result = prove("prove_programs:plain", *arguments)
    assert result.exit_code == 2
    assert complaint in result.output


def test_a_server_that_is_not_installed_exits_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "waitress", None)
    result = prove("prove_programs:plain", "--server", "waitress")
    assert result.exit_code == 2
    assert "pip install 'waitress'" in result.output


def test_one_client_cannot_clear_four_workers() -> None:
    """A connection that is kept alive stays with one process, and that is said."""
    result = prove("prove_programs:plain", "--no-matrix", "--clients", "1", "--requests", "20")
    assert result.exit_code == 2, result.output
    assert "unclear: only one process answered" in result.output
    assert "only 1 of 4 processes answered" in result.output


def test_the_server_is_quoted_when_requests_went_wrong() -> None:
    """A traceback that the server printed is worth more than the status 500."""
    result = prove("prove_programs:raising", "--server", "flask", "--no-matrix")
    assert result.exit_code == 2
    assert "RuntimeError: no more numbers" in result.output
    assert '"GET / HTTP/1.1" 500' not in result.output


def test_the_document_for_machines() -> None:
    """`--json` prints one document, and nothing else, with every request in it."""
    command = ("prove_programs:plain", "--server", "uwsgi", "--no-matrix", "--json")
    result = prove(*command, "--clients", "10", "--requests", "40", "--number", r"visitor (\d+)")
    assert result.exit_code == 1, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    (run,) = document["runs"]
    assert (document["verdict"], document["server"]) == ("wrong", "uwsgi")
    assert (run["workers"], run["threads"], run["verdict"]) == (4, 2, "wrong")
    assert (run["answered"], run["failed"], run["unknown"]) == (40, 0, 0)
    assert run["lost"] == 40 - run["distinct"] > 0
    assert run["diseases"] == ["state per process"]
    assert len({request["pid"] for request in run["witnesses"][0]["pair"]}) == 2
    assert sum(run["processes"].values()) == len(run["requests"]) == 40
    assert all(request["start"] <= request["end"] for request in run["requests"])
    assert sorted({request["client"] for request in run["requests"]}) == list(range(10))


def test_the_document_when_nothing_could_be_run() -> None:
    """Machines get the error as JSON too."""
    result = prove("no_such_module:app", "--server", "waitress", "--json")
    assert result.exit_code == 2
    document = json.loads(result.stdout)
    assert document["verdict"] == "not run"
    assert "no_such_module" in document["error"]


def test_the_report_is_one_page_that_loads_nothing(tmp_path: Path) -> None:
    """The pictures are inside; each answer is a dot, each duplicate is ringed."""
    page = tmp_path / "report.html"
    result = prove("prove_programs:window", "--server", "flask", "--report", str(page))
    assert result.exit_code == 1, result.output
    text = page.read_text()
    assert not re.search(r"<(script|link|img|iframe)|src=|url\(|@import", text)
    assert text.count("<svg") == 4
    control, threaded = text.split("<section>")[1:]
    assert (
        len(re.findall(r"<circle cx", control)) == len(re.findall(r"<circle cx", threaded)) == 100
    )
    assert "twice" not in control
    assert 'class="twice"' in threaded


def test_a_page_that_shows_markup_does_not_run_in_the_report(tmp_path: Path) -> None:
    """What a program answers is shown, not obeyed."""
    page = tmp_path / "report.html"
    target = "prove_programs:make(0, text='<script>alert(1)</script>')"
    prove(target, "--server", "flask", "--no-matrix", "--number", "absent", "--report", str(page))
    assert "<script>" not in page.read_text()
    assert "&lt;script&gt;" in page.read_text()


def test_a_report_that_cannot_be_written_exits_with_2() -> None:
    """The folder does not exist, and the message says so before anything is started."""
    command = ("no_such_module:app", "--server", "waitress", "--no-matrix")
    result = prove(*command, "--report", "/no/such/folder/report.html")
    assert result.exit_code == 2
    assert "/no/such/folder/report.html cannot be written" in result.output


def test_the_same_number_everywhere_raises_the_question() -> None:
    """A pattern that reads something else than the counter is not taken for a finding alone."""
    command = ("--server", "waitress", "--no-matrix")
    result = prove("prove_programs:make(0, text='build 7, visitor ')", *command)
    assert result.exit_code == 1
    assert "every answer holds the same number; is it the one that is meant?" in result.output


@pytest.mark.parametrize("option", [name for p in prove_command.params for name in p.opts])
def test_every_option_is_documented(option: str) -> None:
    """The page about the command names each of its options."""
    page = (HERE.parent / "docs" / "prove.md").read_text()
    assert f"`{'MODULE:APP' if option == 'target' else option}" in page


@pytest.mark.parametrize("server", list(SERVERS))
def test_every_server_is_documented(server: str) -> None:
    """The page about the command names each server."""
    assert f"`{server}`" in (HERE.parent / "docs" / "prove.md").read_text()


@pytest.mark.parametrize("server", list(SERVERS))
def test_ctrl_c_leaves_nothing_behind(server: str, tmp_path: Path) -> None:
    """An interrupt in the middle of the load ends every process and removes every file."""
    assert _stopped(server, signal.SIGINT, tmp_path) == 128 + signal.SIGINT
    assert list(tmp_path.iterdir()) == []


def test_a_termination_leaves_nothing_behind(tmp_path: Path) -> None:
    """What an init system sends is no different."""
    assert _stopped("gunicorn", signal.SIGTERM, tmp_path) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells children")
@pytest.mark.parametrize("server", ["gunicorn", "uwsgi", "flask-processes"])
def test_a_killed_prover_leaves_no_process_behind(server: str, tmp_path: Path) -> None:
    """Even where nothing can be cleaned up, the kernel ends the server."""
    assert _stopped(server, signal.SIGKILL, tmp_path) == -signal.SIGKILL


def _stopped(server: str, number: signal.Signals, folder: Path) -> int:
    """Start a long proof, signal it while requests are under way, and wait until all has ended."""
    mark = uuid4().hex
    command = [sys.executable, "-m", "instep.cli", "prove", "prove_programs:window"]
    command += ["--server", server, "--requests", "1000000", "--no-matrix", "--fresh"]
    command += ["--chdir", str(HERE)]
    prover = subprocess.Popen(
        command,
        env=os.environ | {"PROVE_MARK": mark, "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _until(lambda: _connected(mark, prover))
        prover.send_signal(number)
        prover.wait(30)
        _until(lambda: not marked(mark))
        return prover.returncode
    finally:
        prover.kill()
        prover.wait()


def _connected(mark: str, prover: subprocess.Popen[bytes]) -> bool:
    """Whether the clients have begun: the prover runs more threads than its own."""
    assert prover.poll() is None, "the prover ended by itself"
    return len(marked(mark)) > 1 and len(os.listdir(f"/proc/{prover.pid}/task")) > 50


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it did not come to that within 30 s"
        time.sleep(0.02)
