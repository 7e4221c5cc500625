"""`pytest --instep`: a program's own tests as the driver of the lockset pass.

The suite runs as it always does, its results and its exit code are its own; at the end stands what
would race if the requests of the tests came at the same time. Without the option nothing of this
is loaded, and nothing is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from instep.races.watching.session import Session

NAME = "instep-watching"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, all of which do nothing without the first."""
    group = parser.getgroup("instep", "instep: races that your tests would meet")
    add = group.addoption
    add("--instep", action="store_true", default=None, help="look for races while the tests run")
    add(
        "--instep-root",
        action="append",
        default=[],
        metavar="PATH",
        help="folder of your own modules; may be given again (default: pytest's root folder)",
    )
    add("--instep-report", metavar="FILE", help="write the candidates as JSON, too")
    add("--instep-strict", action="store_true", help="candidates fail the run (but for low ones)")
    parser.addini("instep", "look for races while the tests run", type="bool", default=False)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin before any conftest, which may well import the program."""
    asked = early_config.known_args_namespace
    on = asked.instep if asked.instep is not None else early_config.getini("instep")
    if on and not (asked.help or asked.version):
        early_config.pluginmanager.register(Watching(early_config, asked), NAME)


@pytest.fixture
def race(pytestconfig: pytest.Config) -> Iterator[Any]:
    """Two or three requests or calls in every order that matters: `race.requests("/", "/")`."""
    from instep.races.exploring.fixture import Race

    with Race([pytestconfig.rootpath, pytestconfig.invocation_params.dir]) as race:
        yield race


class Watching:
    """The plugin proper, registered only when it is asked for."""

    def __init__(self, config: pytest.Config, asked: Any) -> None:
        from instep.races.watching.session import Session

        self.patterns = ["conftest.py", *config.getini("python_files")]
        self.asked = asked
        self.folder = config.invocation_params.dir
        roots = [self.folder / root for root in asked.instep_root] or [config.rootpath]
        for root in roots:
            if not root.is_dir():
                raise pytest.UsageError(f"--instep-root: {root} is not a folder")
        report = self.folder / (asked.instep_report or "report")
        if not report.parent.is_dir():
            raise pytest.UsageError(f"--instep-report: there is no folder {report.parent}")
        self.session: Session | None = Session(roots, self._is_program)
        self.reports: list[dict[str, Any]] = []
        self.report: dict[str, Any] | None = None
        self.unwritten = ""

    def _is_program(self, path: Path) -> bool:
        """Test modules are pytest's, whatever it does with them."""
        return not any(fnmatch(path.name, pattern) for pattern in self.patterns)

    def _controls(self, config: pytest.Config) -> bool:
        """Whether this process hands the tests to others (pytest-xdist) and runs none."""
        return bool(getattr(config.option, "dist", "no") != "no" and not _worker(config))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        """By now most programs have imported their framework."""
        if self.session is not None:
            self.session.doors.open()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Some import it in a fixture."""
        if self.session is not None:
            self.session.doors.open()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of pytest-xdist has come to its end, and says what it saw."""
        told = getattr(node, "workeroutput", {}).get("instep")
        if told:
            self.reports.append(json.loads(told))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Put together what was seen, and pass it on."""
        from instep.races.watching.session import merged

        config = session.config
        if self.session is None:
            return
        own = self.session.stop()
        self.session = None
        if _worker(config):
            config.workeroutput["instep"] = json.dumps(own)  # type: ignore[attr-defined]
            return
        self.report = merged(self.reports if self._controls(config) else [own])
        if self.asked.instep_report:
            self._write(self.folder / self.asked.instep_report)
        passed = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        grave = [each for each in self.report["findings"] if each["severity"] != "low"]
        if self.asked.instep_strict and passed and grave:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _write(self, file: Path) -> None:
        """The report, if that can be: the results of the suite do not hang on it."""
        try:
            file.write_text(json.dumps(self.report, indent=1))
        except OSError as error:
            self.unwritten = f"--instep-report: {file} was not written: {error.strerror}"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The section at the end."""
        from instep.races.watching.wording import lines

        if self.report is None:
            return
        terminalreporter.section("instep: candidates")
        if self.unwritten:
            terminalreporter.write_line(self.unwritten)
        if not terminalreporter.stats and not self.report["requests"]:
            terminalreporter.write_line("No test ran, so there was nothing to see.")
            return
        for line in lines(self.report, self.folder):
            terminalreporter.write_line(line)


def _worker(config: pytest.Config) -> bool:
    return hasattr(config, "workeroutput")
