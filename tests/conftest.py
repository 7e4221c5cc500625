"""A folder for a store, and processes that do not outlive their test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors import Child


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder of an embedded store that is not there yet."""
    return tmp_path / "state"


@pytest.fixture
def fork() -> Iterator[Callable[..., Child]]:
    """Run functions in forked processes; what still lives at the end of the test is killed."""
    children: list[Child] = []

    def start(work: Callable[..., Any], *args: Any, plain: bool = False) -> Child:
        children.append(Child(work, *args, plain=plain))
        return children[-1]

    yield start
    for child in children:
        child.end()
