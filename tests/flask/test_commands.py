"""`flask instep …`: the commands that look at the store, and delete from it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskCliRunner

from flask import Flask
from instep.flask import Instep


class Cart:
    """A shared object."""

    def __init__(self) -> None:
        self.items: dict[object, object] = {"tea": 1}

    def add(self, item: object) -> None:
        """Change it."""
        self.items[item] = {item}


@pytest.fixture
def shared(new_app: Callable[..., Flask]) -> Instep:
    """An application with one of everything in its store."""
    shared = Instep(new_app(INSTEP_URL="memory:"))
    shared.share("cart", Cart).add("cup")
    shared.family("carts", Cart)["a"].add((1, 2))
    shared.counter("hits").increment(41)
    shared.value("odd").set({(1, 2): b"x", 3: {4}, None: "\x1b[31m"})
    shared.mapping("stock").update({"tea": 1, (1, 2): 3})
    with shared.lock("lock"):
        pass
    return shared


@pytest.fixture
def runner(shared: Instep) -> FlaskCliRunner:
    """Runs `flask …` for the application."""
    (app,) = shared._apps
    return app.test_cli_runner()


def flask(runner: FlaskCliRunner, *words: str, says: str | None = None) -> tuple[int, str]:
    """Exit code and output of `flask instep …`."""
    done = runner.invoke(args=["instep", *words], input=says)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_ls(runner: FlaskCliRunner) -> None:
    """A line for each name, with its kind, class and number of entries; by prefix if given."""
    code, output = flask(runner, "ls")
    assert (code, [line.split()[0] for line in output.splitlines()]) == (
        0,
        ["cart", "carts", "hits", "lock", "odd", "stock"],
    )
    assert "2 entries" in output.splitlines()[5]
    assert "Cart" in output.splitlines()[0]
    assert len(flask(runner, "ls", "cart")[1].splitlines()) == 2
    assert flask(runner, "ls", "nothing") == (0, "")


def test_show(runner: FlaskCliRunner) -> None:
    """The state of everything is printed as JSON, whatever its keys are."""
    for name, state in {
        "cart": {"items": {"tea": 1, "cup": {"$set": ["cup"]}}},
        "hits": 41,
        "odd": {
            "$dict": [
                [{"$tuple": [1, 2]}, {"$bytes": "eA=="}],
                [3, {"$set": [4]}],
                [None, "\x1b[31m"],
            ]
        },
        "stock": ["tea", {"$tuple": [1, 2]}],
        "carts": ["a"],
        "lock": 1,
    }.items():
        code, output = flask(runner, "show", name)
        assert (code, json.loads(output)) == (0, state)
        assert "\x1b" not in output  # what a stranger has stored does not write to the terminal


def test_describe(runner: FlaskCliRunner) -> None:
    """Kind, class, version, entries and size."""
    code, output = flask(runner, "describe", "cart")
    assert code == 0
    assert {"kind: object", "class: Cart", "version: 1"} <= set(output.splitlines())
    assert "entries: 2" in flask(runner, "describe", "stock")[1].splitlines()
    assert "kind: counter" in flask(runner, "describe", "hits")[1].splitlines()


def test_delete(runner: FlaskCliRunner, shared: Instep) -> None:
    """It asks, unless it is told not to; anything but yes leaves everything."""
    assert flask(runner, "delete", "cart", says="n\n")[0] == 1
    assert flask(runner, "delete", "cart", says="")[0] == 1
    assert "cart" in shared.names()
    assert flask(runner, "delete", "cart", says="y\n")[0] == 0
    assert flask(runner, "delete", "stock", "--yes")[0] == 0
    assert shared.names() == ["carts", "hits", "lock", "odd"]


@pytest.mark.parametrize("command", ["show", "describe", "delete"])
def test_unknown_names(runner: FlaskCliRunner, command: str) -> None:
    """One line and exit code 1, not a traceback; a name that cannot be likewise."""
    for name in ("nothing", "a\nb", "x" * 10_000):
        code, output = flask(runner, command, name)
        assert code == 1
        assert output.startswith("Error: ")
        assert "Traceback" not in output


def test_from_a_real_command_line(tmp_path: Path) -> None:
    """`flask --app … instep ls` finds what another process has stored."""
    (tmp_path / "shop.py").write_text(
        "from flask import Flask\n"
        "from instep.flask import Instep\n"
        "app = Flask(__name__)\n"
        "shared = Instep(app)\n"
        "hits = shared.counter('hits')\n"
        "@app.cli.command('hit')\n"
        "def hit() -> None: hits.increment()\n"
    )

    def flask_(*words: str) -> str:
        command = [sys.executable, "-m", "flask", "--app", "shop", *words]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("INSTEP")}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout

    flask_("hit")
    flask_("hit")
    assert flask_("instep", "ls").split() == ["hits", "counter"]
    assert flask_("instep", "show", "hits").strip() == "2"
    assert (tmp_path / "instance" / "instep").is_dir()
