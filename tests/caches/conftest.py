"""Caches on every engine, memcached too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from instep import Space
from places import PLACES, place

SERVED = (*PLACES, "memcached")


def url(name: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of an empty store, as a user gives it."""
    if name == "memcached":
        return str(request.getfixturevalue("memcached_server").url)
    return place(name, folder, request.getfixturevalue)


@pytest.fixture(params=["memory", *SERVED])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    """An empty space."""
    opened = Space(url(request.param, request, tmp_path), timeout=10)
    yield opened
    opened.close()


@pytest.fixture(params=["memory", *PLACES])
def listing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    """An empty space that can list its keys."""
    opened = Space(url(request.param, request, tmp_path), timeout=10)
    yield opened
    opened.close()


@pytest.fixture(params=SERVED)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store that processes share."""
    return url(request.param, request, tmp_path)


@pytest.fixture
def opened(served: str) -> Iterator[Space]:
    """A space of this process in that store."""
    space = Space(served, timeout=25)
    yield space
    space.close()
