"""A workshop and a space for the tests of resources."""

from collections.abc import Iterator

import pytest
from made import Workshop

from instep import Space


@pytest.fixture
def shop() -> Workshop:
    """Makes things, and notes which were closed."""
    return Workshop()


@pytest.fixture
def space() -> Iterator[Space]:
    """A space whose resources are closed at the end of the test."""
    space = Space("memory:")
    yield space
    space.close()
