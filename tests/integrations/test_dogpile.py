"""The dogpile.cache backend: dogpile's own suites for backends, on every store, and what they miss.

`dogpile.testing` ships them with the package: how values are kept, with and without a serializer of
the region's, and how its mutex behaves.
"""

import json
import logging
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from dogpile.cache import CacheRegion, make_region
from dogpile.cache.api import NO_VALUE, CacheMutex
from dogpile.testing.fixtures import (
    _GenericBackendFixture,
    _GenericBackendTestSuite,
    _GenericMutexTestSuite,
    _GenericSerializerTestSuite,
)

from actors import Child, Gate
from instep import LockTimeout, Misuse, Space
from instep.integrations.dogpile import InstepBackend, Mutex
from places import PLACES, place

Fork = Callable[..., Child]

ROOT = Path(__file__).parents[2]
EVERYWHERE = ("memory", *PLACES, "memcached")


def url_of(name: str, folder: Path, server: Callable[[str], Any]) -> str:
    """The URL of an empty store of any engine."""
    if name == "memcached":
        found: str = server("memcached_server").url
        return found
    return place(name, folder, server, lease=3)


@pytest.fixture(params=[*PLACES, "memcached"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty store that processes share, memcached included."""
    space = Space(url_of(request.param, tmp_path, request.getfixturevalue))
    space.opened()  # of one URL there is one store in a process: this one is closed at the end
    yield url_of(request.param, tmp_path, request.getfixturevalue)
    space.close()


def on(*names: str) -> Any:
    """A fixture that gives dogpile's suites an empty space on each of some stores."""

    @pytest.fixture(autouse=True, params=names)
    def store(self: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
        space = Space(url_of(request.param, tmp_path, request.getfixturevalue))
        self.config_args = {"arguments": {"space": space}}  # its regions and backends share it
        yield
        space.close()

    return store


class Suite:
    """What dogpile's suites do before there is a store and after it is gone is not needed here."""

    backend = "instep"
    store = on(*EVERYWHERE)
    test_threaded_dogpile: Any = None  # they take 10 seconds each: see TestInTime
    test_threaded_get_multi: Any = None

    @classmethod
    def setup_class(cls) -> None:
        """It would make a backend."""

    def teardown_method(self, method: object) -> None:
        """It would delete what it has stored."""


class TestBackend(Suite, _GenericBackendTestSuite):  # type: ignore[misc]
    """dogpile's suite for backends."""


class TestSerializer(Suite, _GenericSerializerTestSuite, _GenericBackendTestSuite):  # type: ignore[misc]
    """The same, and how a serializer of the region's is used."""


class TestMutex(Suite, _GenericMutexTestSuite):  # type: ignore[misc]
    """dogpile's suite for mutexes."""


class TestInTime(Suite, _GenericBackendFixture):  # type: ignore[misc]
    """What dogpile's suite lets threads do, one after the other's value has ended."""

    store = on("lmdb", "redis")
    test_threaded_dogpile = _GenericBackendTestSuite.test_threaded_dogpile
    test_threaded_get_multi = _GenericBackendTestSuite.test_threaded_get_multi


def region_at(url: str, expiration_time: float | None = None, **arguments: Any) -> CacheRegion:
    """A region in a store."""
    return make_region().configure(
        "instep", expiration_time=expiration_time, arguments={"url": url, **arguments}
    )


def create_slowly(url: str, gate: Gate, threads: int, distributed: bool = True) -> list[str]:
    """Let threads of this process ask for one key at once; the values that they got."""
    region = region_at(url, distributed_lock=distributed)
    started = threading.Barrier(threads)

    def ask() -> str:
        started.wait(30)
        got: str = region.get_or_create("key", create)
        return got

    def create() -> str:
        created.increment()
        time.sleep(0.3)
        return "made"

    with ThreadPoolExecutor(threads) as pool:
        created = Space(url).options(volatile=True).counter("created")
        gate.pass_through()
        return [future.result(60) for future in [pool.submit(ask) for _ in range(threads)]]


def test_one_of_all_workers_makes_a_value(shared: str, fork: Fork) -> None:
    """Four processes of four threads miss a key at once: the creator runs once."""
    gate = Gate()
    children = [fork(create_slowly, shared, gate, 4) for _ in range(4)]
    gate.open(4)
    assert [child.result() for child in children] == [["made"] * 4] * 4
    assert Space(shared).options(volatile=True).counter("created").value == 1


def test_without_the_distributed_lock_each_process_makes_its_own(
    tmp_path: Path, fork: Fork
) -> None:
    """What the lock is for: with `distributed_lock` off, one thread of each process makes it."""
    url = place("lmdb", tmp_path, lambda _: None)
    gate = Gate()
    children = [fork(create_slowly, url, gate, 4, False) for _ in range(4)]
    gate.open(4)
    assert [child.result() for child in children] == [["made"] * 4] * 4
    assert Space(url).counter("created").value > 1
    assert isinstance(region_at(url).backend.get_mutex("key"), Mutex)


def test_a_killed_holder_lets_go(shared: str, fork: Fork) -> None:
    """Another one gets the lock of a process that was killed while it had it, within seconds."""
    gate = Gate()

    def hold() -> None:
        mutex = region_at(shared).backend.get_mutex("key")
        mutex.acquire()
        gate.open()
        time.sleep(60)

    child = fork(hold)
    gate.pass_through()
    mutex = region_at(shared, lock_timeout=9).backend.get_mutex("key")
    assert mutex.locked()
    assert not mutex.acquire(False)
    child.kill()
    assert mutex.acquire()  # before `lock_timeout`, and any usual lease
    mutex.release()
    assert not mutex.locked()


def test_a_mutex_is_let_go_of_in_another_thread(shared: str) -> None:
    """As an `async_creation_runner` does, which makes the value in a thread of its own."""
    region = make_region(async_creation_runner=in_a_thread)
    region.configure("instep", expiration_time=0.1, arguments={"url": shared})
    made: list[int] = []

    def create() -> int:
        made.append(len(made))
        return len(made)

    assert region.get_or_create("key", create) == 1
    time.sleep(0.2)
    assert region.get_or_create("key", create) == 1  # the old one, while the thread makes another
    for thread in runners:
        thread.join(30)
    runners.clear()
    assert made == [0, 1]
    assert region.get("key", ignore_expiration=True) == 2
    assert not region.key_is_locked("key")


runners: list[threading.Thread] = []


def in_a_thread(
    region: CacheRegion, key: str, creator: Callable[[], Any], mutex: CacheMutex
) -> None:
    """Make a value and let go of the mutex, both in a thread."""

    def run() -> None:
        try:
            region.set(key, creator())
        finally:
            mutex.release()

    runners.append(threading.Thread(target=run))
    runners[-1].start()


def test_a_wait_for_the_lock_can_be_bounded(tmp_path: Path) -> None:
    """Who waits for longer than `lock_timeout` gets a LockTimeout, never a silent no."""
    backend = InstepBackend({"url": "memory:", "lock_timeout": 0.05})
    mutex = backend.get_mutex("key")
    mutex.acquire()
    with pytest.raises(LockTimeout, match="held by"):
        backend.get_mutex("key").acquire()
    assert backend.get_mutex("key").acquire(False) is False


def test_what_is_released_was_held() -> None:
    """A second release is refused, and frees nobody else's hold."""
    backend = InstepBackend({"url": "memory:"})
    mutex, other = backend.get_mutex("key"), backend.get_mutex("key")
    mutex.acquire()
    mutex.release()
    other.acquire()
    with pytest.raises(Misuse, match="not held"):
        mutex.release()
    assert mutex.locked()


def test_a_child_does_not_have_what_its_parent_holds(shared: str, fork: Fork) -> None:
    """After a fork the mutex is the parent's: the child waits like everybody else."""
    mutex = region_at(shared).backend.get_mutex("key")
    mutex.acquire()
    let_go, gone = Gate(), Gate()

    def child() -> list[bool]:
        seen = [mutex.locked(), mutex.acquire(False)]
        mutex.release()  # its copy of the parent's hold: nothing
        seen.append(mutex.acquire(False))
        let_go.pass_through()
        seen += [mutex.acquire(), mutex.locked()]
        mutex.release()
        return seen

    def other() -> list[bool]:
        gone.pass_through()
        return [mutex.locked(), mutex.acquire()]

    children = [fork(child), fork(other)]
    time.sleep(0.5)
    assert mutex.locked()
    mutex.release()
    let_go.open()
    assert children[0].result() == [True, False, False, True, True]
    gone.open()
    assert children[1].result() == [False, True]


def test_values_come_back_as_they_were(shared: str) -> None:
    """Of the same type, with dogpile's metadata; what cannot be stored is refused."""
    region = region_at(shared)
    for value in (None, {"a": (1, 2)}, [], b"bytes", {1, 2}, "text", NO_VALUE.name):
        region.set("key", value)
        found = region.get("key")
        assert found == value
        assert type(found) is type(value)
    metadata = region.get_value_metadata("key")
    assert metadata is not None
    assert metadata.age < 60
    with pytest.raises(Misuse, match="key"):
        region.set("key", {"lock": threading.Lock()})
    assert region.get("key") == NO_VALUE.name


def test_another_process_sees_values(shared: str, fork: Fork) -> None:
    """A value that one worker set is every worker's, and so is its deletion."""
    region = region_at(shared)
    region.set_multi({"a": 1, "b": 2})
    assert fork(lambda: region_at(shared).get_multi(["a", "b"])).result() == [1, 2]
    fork(lambda: region_at(shared).delete_multi(["a", "b"])).result()
    assert region.get_multi(["a", "b"]) == [NO_VALUE, NO_VALUE]


def test_a_serializer_of_the_regions(tmp_path: Path) -> None:
    """Bytes that the region makes itself are kept as they are."""
    region = make_region(
        serializer=lambda value: json.dumps(value).encode(), deserializer=json.loads
    ).configure("instep", arguments={"url": "memory:"})
    region.set("key", {"a": [1]})
    assert region.get("key") == {"a": [1]}


def test_the_store_forgets_after_the_ttl() -> None:
    """`ttl` is the store's own: the value is gone then, also for who would take an old one."""
    region = region_at("memory:", ttl=0.05)
    region.set("key", 1)
    time.sleep(0.1)
    assert region.get("key", ignore_expiration=True) is NO_VALUE


def test_there_are_no_more_than_max_entries() -> None:
    """The oldest values make room."""
    region = region_at("memory:", max_entries=10)
    region.set_multi({f"key {number}": number for number in range(100)})
    left = [value for value in region.get_multi([f"key {n}" for n in range(100)]) if value]
    assert 0 < len(left) <= 20
    assert left[-1] == 99


def test_arguments_that_cannot_be_right(caplog: pytest.LogCaptureFixture) -> None:
    """Refused, each with what would be; one that dogpile lets pass is logged."""
    for arguments, words in (
        ({}, "space"),
        ({"url": "nowhere:"}, "nowhere"),
        ({"url": "memory:", "space": Space("memory:")}, "one of"),
        ({"url": "memory:", "ttl": 0}, "ttl"),
        ({"url": "memory:", "lock_timeout": -1}, "timeout"),
        ({"url": "memory:", "name": ""}, "name"),
    ):
        with pytest.raises(Misuse, match=words):
            InstepBackend(arguments)
    with caplog.at_level(logging.WARNING):
        InstepBackend({"url": "memory:", "lock_sleep": 1})
    assert "lock_sleep" in caplog.text
    with pytest.raises(Misuse, match="text"):
        region_at("memory:").set(7, "a key that is no text")


def test_a_region_from_a_configuration_file() -> None:
    """Numbers that are texts, as in an ini file, are numbers."""
    region = make_region().configure_from_config(
        {"cache.backend": "instep", "cache.arguments.url": "memory:", "cache.arguments.ttl": "60"},
        "cache.",
    )
    assert region.get_or_create("key", lambda: 1) == 1


def test_the_backend_is_found_by_its_name() -> None:
    """The entry point names what is there, so `configure("instep")` needs no import."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module, _, name = declared["project"]["entry-points"]["dogpile.cache"]["instep"].partition(":")
    assert getattr(import_module(module), name) is InstepBackend
