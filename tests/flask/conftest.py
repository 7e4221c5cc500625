"""Applications for the tests of the extension."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask import Flask


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer has set does not reach the tests."""
    for name in ("INSTEP_URL", "INSTEP_TIMEOUT", "INSTEP_MAX_RECORD", "INSTEP_FRESH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def new_app(tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Makes an application with an instance folder and a configuration of its own."""
    made = []  # an Instep does not keep its applications alive

    def new(name: str = "shop", **config: Any) -> Flask:
        app = Flask(name, instance_path=str(tmp_path / name / "instance"))
        app.config.update(config)
        made.append(app)
        return app

    yield new
    made.clear()
