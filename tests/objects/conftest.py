"""A space of each kind for every test of objects."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from instep import Space


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """The URL of an embedded store in a new folder."""
    return f"lmdb:{tmp_path / 'state'}?durability=none"


@pytest.fixture(params=["memory", "lmdb"])
def space(request: pytest.FixtureRequest, folder: str) -> Iterator[Space]:
    """An empty space."""
    opened = Space("memory:" if request.param == "memory" else folder, timeout=10)
    yield opened
    opened.close()
