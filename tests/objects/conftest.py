"""A space of each kind for every test of objects."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from instep import Space
from places import PLACES, place


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """The URL of an embedded store in a new folder."""
    return place("lmdb", tmp_path, lambda _: None)


@pytest.fixture(params=["memory", *PLACES])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    """An empty space."""
    opened = Space(place(request.param, tmp_path, request.getfixturevalue), timeout=10)
    yield opened
    opened.close()
