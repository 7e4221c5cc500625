"""The store contract as tests: what every engine promises, whatever lies beneath it."""

from __future__ import annotations

from .holds import HoldContract
from .records import RecordContract


class StoreContract(RecordContract, HoldContract):
    """Tests that a store keeps the contract of `instep.stores.base`.

    Subclass it as `Test…`, define a fixture `store` that gives an empty store, and say in
    `change_behind` how a key is changed in spite of a hold, and in `kept` how many records the
    engine has, those included that have expired.

    Example:
        >>> import pytest
        >>> from instep.testing import StoreContract
        >>> class TestMine(StoreContract):
        ...     @pytest.fixture
        ...     def store(self):
        ...         return MyStore()
    """
