"""What the suites of other people's libraries expect."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """dogpile's suites mark some of their tests."""
    config.addinivalue_line("markers", "time_intensive: dogpile's mark for tests that sleep")
