"""The contract, kept by each store; by the embedded one also on flock."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from instep.stores import engine, filelock
from instep.stores.base import Store
from instep.stores.holds import Holds
from instep.testing import StoreContract


class LocalContract(StoreContract):
    """Stores of this machine, where a hold is lost only if somebody takes its locks away."""

    def change_behind(self, store: Store, hold: Any, key: bytes, new: bytes) -> None:
        """Free the hold's locks, change the key, and take them again."""
        holds: Holds = hold._holds
        for slot in hold._held:
            holds.free(slot)
        store.update(key, lambda old: (bytes(bytearray(new)), None), 0)
        for slot in hold._held:
            assert holds.take(slot, 0)


class TestMemory(LocalContract):
    """The memory store."""

    def kept(self, store: Any) -> int:
        """All of the dictionary."""
        return len(store._records)

    @pytest.fixture
    def store(self) -> Store:
        """An empty store."""
        return engine("memory:").open()


class LmdbContract(LocalContract):
    """The embedded store."""

    def kept(self, store: Any) -> int:
        """All entries but the one that says whose file it is."""
        entries: int = store._environment.read(lambda txn: txn.stat()["entries"])
        return entries - 1


class TestLmdb(LmdbContract):
    """With checkpoints and without."""

    @pytest.fixture(params=["checkpoint", "none"])
    def store(self, state: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
        """An empty store."""
        with closing(engine(f"lmdb:{state}?durability={request.param}").open()) as store:
            yield store


class TestLmdbOnFlock(LmdbContract):
    """Where open-file-description locks do not exist."""

    @pytest.fixture
    def store(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
        """An empty store."""
        monkeypatch.setattr(filelock, "_SETLK", -1)
        with closing(engine(f"lmdb:{state}?durability=none").open()) as store:
            store.read(b"opened")
            assert (state / "locks.stripes").is_dir()
            yield store
