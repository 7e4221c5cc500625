"""The storage of `limits`: each strategy, on every store, as the documentation of `limits` has it.

Where a test is about time, the clock is set by hand: only `instep.integrations` sees it.
"""

import json
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from limits import RateLimitItemPerHour, RateLimitItemPerMinute, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from limits.strategies import (
    STRATEGIES,
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    SlidingWindowCounterRateLimiter,
)

from actors import Child, Gate
from flask import Flask
from instep import LockTimeout, Misuse, Space, StoreError
from instep.flask import Instep
from instep.integrations import limits, windows
from instep.integrations.limits import InstepStorage
from instep.stores.listing import everything
from places import PLACES, place

Fork = Callable[..., Child]

EVERYWHERE = ("memory", *PLACES, "memcached")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.25

    def time(self) -> float:
        """Seconds since the epoch."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the storage takes for the time; the stores go by the real one, days behind it."""
    clock = Clock()
    clock.now += time.time()  # or the stores would take records for expired ones
    for module in ("limits", "tallies"):
        monkeypatch.setattr(f"instep.integrations.{module}.time", clock)
    return clock


def url_of(name: str, folder: Path, server: Callable[[str], Any]) -> str:
    """The URL of an empty store of any engine."""
    if name == "memcached":
        found: str = server("memcached_server").url
        return found
    return place(name, folder, server, lease=3)


@pytest.fixture(params=EVERYWHERE)
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    """An empty space on each store."""
    space = Space(url_of(request.param, tmp_path, request.getfixturevalue))
    yield space
    space.close()


@pytest.fixture
def storage(space: Space) -> InstepStorage:
    """A storage on each store."""
    return InstepStorage("instep://", space=space)


@pytest.fixture(params=[*PLACES, "memcached"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URI of an empty store that processes share."""
    url = url_of(request.param, tmp_path, request.getfixturevalue)
    space = Space(url)
    space.opened()  # of one URL there is one store in a process: this one is closed at the end
    yield f"instep+{url}"
    space.close()


def opened(uri: str, **options: Any) -> InstepStorage:
    """The storage of a URI."""
    return cast("InstepStorage", storage_from_string(uri, **options))


def test_a_fixed_window(storage: InstepStorage, clock: Clock) -> None:
    """It begins with its first hit, counts what comes, also beyond the limit, and ends."""
    begin = clock.now
    assert storage.get("key") == 0
    assert storage.get_expiry("key") == begin
    assert [storage.incr("key", 10) for _ in range(3)] == [1, 2, 3]
    clock.now += 9.9
    assert storage.incr("key", 10, amount=5) == 8
    assert storage.get("key") == 8
    assert storage.get_expiry("key") == begin + 10
    clock.now = begin + 10
    assert storage.get("key") == 0
    assert storage.get_expiry("key") == clock.now
    assert storage.incr("key", 10) == 1
    assert storage.get_expiry("key") == begin + 20


def test_a_moving_window(storage: InstepStorage, clock: Clock) -> None:
    """Each hit leaves it when it is as old as the window is long, not sooner and not later."""
    begin = clock.now
    assert storage.get_moving_window("key", 3, 10) == (begin, 0)
    for _ in range(3):
        assert storage.acquire_entry("key", 3, 10)
        clock.now += 2
    assert not storage.acquire_entry("key", 3, 10)
    assert storage.get_moving_window("key", 3, 10) == (begin, 3)
    clock.now = begin + 10.001
    assert storage.get_moving_window("key", 3, 10) == (begin + 2, 2)
    assert not storage.acquire_entry("key", 3, 10, amount=2)
    assert storage.acquire_entry("key", 3, 10)
    assert not storage.acquire_entry("key", 3, 10)
    clock.now = begin + 30
    assert storage.get_moving_window("key", 3, 10) == (clock.now, 0)


def test_what_finds_no_room_in_a_moving_window_takes_none(
    storage: InstepStorage, clock: Clock
) -> None:
    """Hits that are refused, single ones and those of a higher cost, are not counted."""
    assert not storage.acquire_entry("key", 10, 60, amount=11)
    assert storage.acquire_entry("key", 10, 60, amount=8)
    for _ in range(5):
        assert not storage.acquire_entry("key", 10, 60, amount=3)
    assert storage.get_moving_window("key", 10, 60)[1] == 8
    assert storage.acquire_entry("key", 10, 60, amount=2)
    assert storage.acquire_entry("key", 10, 60, amount=0)
    assert storage.get_moving_window("key", 10, 60)[1] == 10


def test_a_sliding_window(storage: InstepStorage, clock: Clock) -> None:
    """The window before counts by the part of it that is still within reach."""
    begin = clock.now
    assert storage.get_sliding_window("key", 10) == (0, 0.0, 0, 0.0)
    assert storage.acquire_sliding_window_entry("key", 10, 10, amount=8)
    assert not storage.acquire_sliding_window_entry("key", 10, 10, amount=3)
    clock.now = begin + 4
    assert storage.get_sliding_window("key", 10) == (0, 6.0, 8, 16.0)
    clock.now = begin + 15  # half of the window before: 4 of its 8
    assert storage.get_sliding_window("key", 10) == (8, 5.0, 0, 15.0)
    assert not storage.acquire_sliding_window_entry("key", 10, 10, amount=7)
    assert storage.acquire_sliding_window_entry("key", 10, 10, amount=6)
    clock.now = begin + 19
    assert storage.get_sliding_window("key", 10) == (8, 1.0, 6, 11.0)
    clock.now = begin + 20
    assert storage.get_sliding_window("key", 10) == (6, 10.0, 0, 20.0)
    clock.now = begin + 40
    assert storage.get_sliding_window("key", 10) == (0, 0.0, 0, 0.0)
    assert storage.acquire_sliding_window_entry("key", 10, 10, amount=10)


def test_the_strategies_count_apart(storage: InstepStorage) -> None:
    """One key has a window of each kind; `clear` ends those that its strategy has."""
    limit = parse("5/hour")
    limiters = [strategy(storage) for strategy in STRATEGIES.values()]
    for limiter in limiters:
        assert limiter.hit(limit, "key", cost=4)
        assert limiter.get_window_stats(limit, "key").remaining == 1
        assert not limiter.hit(limit, "key", cost=2)
    for limiter in limiters:
        limiter.clear(limit, "key")
        assert limiter.test(limit, "key", cost=5)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_workers_share_one_limit(uri: str, fork: Fork, strategy: str) -> None:
    """Four processes of four threads hit at once: exactly as many pass as may."""
    limit, gate = parse("20/hour"), Gate()

    def hit() -> int:
        limiter = STRATEGIES[strategy](opened(uri))
        gate.pass_through()
        with ThreadPoolExecutor(4) as pool:
            passed = [pool.submit(limiter.hit, limit, "everybody") for _ in range(20)]
            return sum(future.result(60) for future in passed)

    children = [fork(hit) for _ in range(4)]
    gate.open(4)
    assert sum(child.result() for child in children) == 20


def test_a_killed_worker_leaves_no_half_of_a_hit(uri: str, fork: Fork) -> None:
    """Workers are killed while they hit: the others go on, and every hit that passed counts."""
    gate = Gate()

    def hit_on() -> None:
        storage = opened(uri)
        storage.incr("key", 3600)
        gate.open()
        while True:
            storage.acquire_entry("key", 100_000, 3600)

    for _ in range(3):
        child = fork(hit_on)
        gate.pass_through()
        time.sleep(0.05)
        child.kill()
    storage = opened(uri)
    assert storage.incr("key", 3600) == 4
    before = storage.get_moving_window("key", 100_000, 3600)[1]
    assert storage.acquire_entry("key", 100_000, 3600)
    assert storage.get_moving_window("key", 100_000, 3600)[1] == before + 1


def test_a_storage_crosses_a_fork(uri: str, fork: Fork) -> None:
    """As under gunicorn --preload: made and used in the parent, then used in its children."""
    storage = opened(uri)
    assert storage.incr("key", 3600) == 1
    children = [fork(lambda: storage.incr("key", 3600)) for _ in range(3)]
    assert sorted(child.result() for child in children) == [2, 3, 4]
    assert storage.incr("key", 3600) == 5


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a" * 10_000,
        "NUL \0 and \n",
        "é 漢 🎈 ퟿",
        "lone \ud800 surrogate",
        "{braces}/../%2F",
        "e" * 399 + "é",
    ],
    ids=["empty", "long", "control", "unicode", "surrogate", "braces", "longest"],
)
def test_any_text_is_a_key(storage: InstepStorage, key: str) -> None:
    """Of any length and with any characters; two that differ in their last count apart."""
    assert storage.incr(key, 60) == 1
    assert storage.incr(key + "x", 60) == 1
    assert storage.incr(key, 60) == 2
    assert storage.acquire_entry(key, 1, 60)
    assert not storage.acquire_entry(key, 1, 60)
    assert storage.acquire_entry(key + "x", 1, 60)
    storage.clear(key)
    assert (storage.get(key), storage.get(key + "x")) == (0, 1)


def test_a_long_key_cannot_be_met_by_another() -> None:
    """What is made of a long key is no key that somebody could send."""
    storage = InstepStorage("instep+memory:")
    storage.incr("a" * 1000, 60)
    tallies = storage._tallies
    [(entry, _)] = everything(tallies.opened().store, tallies._prefix)
    text = entry.decode().partition("\0s")[2].partition("fixed#")[2]
    for imitation in (text, f"#{text}", f"fixed#{text}"):
        assert storage.get(imitation) == 0


def test_reset_forgets_every_limit(space: Space) -> None:
    """All of them and nothing else; where a store cannot list its keys, that is said."""
    storage = InstepStorage("instep://", space=space)
    other = InstepStorage("instep://", space=space, key_prefix="others")
    for number in range(30):
        storage.incr(f"key {number}", 60)
    storage.acquire_entry("key", 1, 60)
    other.incr("key", 60)
    if space.opened().store.powers.listing:
        assert storage.reset() == 31
        assert storage.reset() == 0
        assert storage.get("key 7") == 0
    else:
        with pytest.raises(NotImplementedError, match="clear"):
            storage.reset()
    assert other.get("key") == 1


def test_limits_look_like_a_mapping(space: Space) -> None:
    """So the commands, dumps and copies know them, and a program can look at them."""
    if not space.opened().store.powers.listing:
        with pytest.raises(Misuse, match="forget"):
            space.mapping("limits")
        return
    storage = InstepStorage("instep://", space=space)
    FixedWindowRateLimiter(storage).hit(parse("5/minute"), "alice")
    assert space.names() == ["limits"]
    assert space.describe("limits").kind == "mapping"
    [(key, (end, hits))] = space.mapping("limits").items()
    assert key == "fixed:LIMITER/alice/5/1/minute"
    assert hits == 1
    assert 0 < end - time.time() <= 60


def test_what_is_over_is_forgotten_by_the_store(space: Space) -> None:
    """Each record has an expiry a little behind the end of its window."""
    storage = InstepStorage("instep://", space=space)
    storage.incr("key", 60)
    storage.acquire_entry("key", 1, 60)
    storage.acquire_sliding_window_entry("key", 1, 60)
    store = space.opened().store
    for kind, life in (("fixed", 60), ("moving", 60), ("sliding", 120)):
        record = store.read(b"limits\0s%b:key" % kind.encode())
        assert record is not None
        assert 0 < record.expires - (time.time() + life) < 11
    moving = store.read(b"limits\0smoving:key")
    assert not storage.acquire_entry("key", 1, 60)
    assert store.read(b"limits\0smoving:key") == moving  # who is refused writes nothing


def test_a_clock_that_is_set_back(storage: InstepStorage, clock: Clock) -> None:
    """No window gets longer for it than its own length, and no more hits pass than may."""
    assert storage.incr("key", 10, amount=3) == 3
    assert storage.acquire_entry("key", 3, 10, amount=3)
    assert storage.acquire_sliding_window_entry("key", 3, 10, amount=3)
    clock.now -= 3600
    assert storage.incr("key", 10) == 4
    assert storage.get_expiry("key") == clock.now + 10
    assert not storage.acquire_entry("key", 3, 10)
    assert not storage.acquire_sliding_window_entry("key", 3, 10)
    assert storage.get_moving_window("key", 3, 10) == (clock.now, 3)
    clock.now += 5
    assert not storage.acquire_entry("key", 3, 10)
    assert not storage.acquire_sliding_window_entry("key", 3, 10)
    clock.now += 5.5
    assert storage.incr("key", 10) == 1
    assert storage.acquire_entry("key", 3, 10)
    clock.now += 10
    assert storage.acquire_sliding_window_entry("key", 3, 10)


def test_two_machines_whose_clocks_differ(storage: InstepStorage, clock: Clock) -> None:
    """A clock that is ahead and one that is not take turns: the limit holds, both ways."""
    passed = [0, 0, 0]
    for number in range(20):
        clock.now += 2 if number % 2 else -2
        passed[0] += storage.incr("key", 60) <= 5
        passed[1] += storage.acquire_entry("key", 5, 60)
        passed[2] += storage.acquire_sliding_window_entry("key", 5, 60)
    assert passed == [5, 5, 5]


def test_a_moving_window_of_many_hits_keeps_its_limit() -> None:
    """Beyond some thousands neighbours share the later time: never too early, hardly too late."""
    state, length, limit, now = None, 1000, 10 * windows.MOST, 1e9
    passed: list[float] = []
    for number in range(15 * windows.MOST):
        now += 0.01 if number % 7 else 0.1
        new, room = windows.acquire(state, now, limit, length, 1)
        state = new or state
        if room:
            passed.append(now)
    assert state is not None
    assert len(state[0]) <= windows.MOST + 1
    assert len(passed) > limit  # those who left made room
    for step in range(200):
        at = now + step * length / 200
        there = len(passed) - bisect_left(passed, at - length)
        late = len(passed) - bisect_left(passed, at - length - 2 * length / windows.MOST)
        assert there <= sum(windows.recent(state, at, length).amounts) <= late


def test_a_record_that_is_too_large_says_what_to_do() -> None:
    """A window that no record can keep is refused with the way out."""
    space = Space("memory:", max_record=256)
    limiter = MovingWindowRateLimiter(InstepStorage("instep://", space=space))
    with pytest.raises(Misuse, match="sliding-window-counter"):
        for _ in range(100):
            limiter.hit(RateLimitItemPerHour(100))
    sliding = SlidingWindowCounterRateLimiter(InstepStorage("instep://", space=space))
    assert all(sliding.hit(RateLimitItemPerHour(100)) for _ in range(100))


def test_what_is_no_rate_limit_is_not_read_as_one() -> None:
    """A name that something else has is refused, and what is there stays."""
    space = Space("memory:")
    space.mapping("limits")["fixed:key"] = {"a": 1}
    storage = InstepStorage("instep://", space=space)
    for call in (lambda: storage.incr("key", 60), lambda: storage.get("key")):
        with pytest.raises(Misuse, match="key_prefix"):
            call()
    assert space.mapping("limits")["fixed:key"] == {"a": 1}
    space.family("people", dict)["fixed:key"].update({"a": 1})
    with pytest.raises(Misuse, match="object"):
        InstepStorage("instep://", space=space, key_prefix="people").incr("key", 60)


def test_amounts_and_windows_that_cannot_be_right() -> None:
    """Refused, and nothing is counted."""
    storage = InstepStorage("instep+memory:")
    for call in (
        lambda: storage.incr("key", 0),
        lambda: storage.incr("key", -1),
        lambda: storage.acquire_entry("key", 5, 60, amount=-1),
        lambda: storage.acquire_sliding_window_entry("key", 5, 60, amount=-1),
    ):
        with pytest.raises(Misuse, match="0"):
            call()
    assert storage.reset() == 0


def test_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every store that instep opens by its URL has a URI; a path may be absolute or relative."""
    for scheme in ("lmdb", "memory", "redis", "rediss+cluster", "postgresql", "memcached"):
        assert f"instep+{scheme}" in InstepStorage.STORAGE_SCHEME
    monkeypatch.chdir(tmp_path)
    assert opened(f"instep+lmdb://{tmp_path}/state?durability=none").incr("key", 60) == 1
    assert opened("instep+lmdb:state?durability=none").incr("key", 60) == 2
    assert opened("instep+memory://").check()
    assert opened("instep+memory:", key_prefix="others", timeout=1.5).check()


@pytest.mark.parametrize(
    ("uri", "options", "words"),
    [
        ("instep:///var/lib/app/state", {}, "instep\\+lmdb:///PATH"),
        ("instep://localhost:6379", {}, "nothing behind it"),
        ("instep+lmdb:", {}, "path"),
        ("instep+lmdb://state", {}, "lmdb"),
        ("instep+redis://host:notaport", {}, "port"),
        ("instep+memory:?size=3", {}, "memory:"),
        ("instep+memory:", {"prefix": "x"}, "key_prefix"),
        ("instep+memory:", {"timeout": -1}, "timeout"),
        ("instep+memory:", {"key_prefix": ""}, "name"),
        ("instep+memory:", {"space": Space("memory:")}, "instep://"),
        ("instep://", {"space": "memory:"}, "instep.Space"),
    ],
)
def test_uris_and_options_that_cannot_be_right(
    uri: str, options: dict[str, Any], words: str
) -> None:
    """A ConfigurationError of `limits`, which is a Misuse too, and says what would be right."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        storage_from_string(uri, **options)
    assert isinstance(caught.value, Misuse)
    with pytest.raises(Misuse, match="begins with"):
        InstepStorage("memory://")


def test_the_applications_own_store(tmp_path: Path) -> None:
    """`instep://` is the store of the application that is current, found when it is needed."""
    storage = opened("instep://")
    with pytest.raises(Misuse, match="app_context"):
        storage.get("key")
    apps = [Flask(f"app{number}") for number in range(2)]
    shared = [Instep(), Instep()]
    for app, instep in zip(apps, shared, strict=True):
        app.config["INSTEP_URL"] = "memory:"
        instep.init_app(app)
    with apps[0].app_context():
        assert [storage.incr("key", 60) for _ in range(2)] == [1, 2]
    with apps[1].app_context():
        assert storage.incr("key", 60) == 1
    assert storage.get("key") == 1  # outside: of the application that was current last
    assert [len(instep.mapping("limits")) for instep in shared] == [1, 1]
    with Flask("bare").app_context(), pytest.raises(Misuse, match="Instep"):
        storage.get("key")


def test_a_store_that_is_not_there(memcached_server: Any, tmp_path: Path) -> None:
    """`check` says so; an error is instep's own, or the one that `limits` wraps it in."""
    uri = f"instep+manager:{tmp_path}/nobody.sock"
    plain, wrapped = opened(uri), opened(uri, wrap_exceptions=True)
    assert not plain.check()
    for call in ("get", "get_expiry", "clear"):
        with pytest.raises(StoreError, match="nobody"):
            getattr(plain, call)("key")
        with pytest.raises(StorageError) as caught:
            getattr(wrapped, call)("key")
        assert isinstance(caught.value.storage_error, StoreError)
    with pytest.raises(StorageError):
        wrapped.acquire_entry("key", 1, 60)
    with pytest.raises(StorageError):
        wrapped.acquire_sliding_window_entry("key", 1, 60)


def test_a_store_that_is_busy(tmp_path: Path) -> None:
    """Who holds the record makes a hit wait for `timeout` seconds, and no longer."""
    space = Space("memory:", timeout=0.05)
    storage = InstepStorage("instep://", space=space)
    storage.incr("key", 60)
    with space.opened().store.hold((b"limits\0sfixed:key",), 1):
        done = threading.Thread(target=lambda: caught.append(raised(storage)))
        caught: list[Exception | None] = []
        done.start()
        done.join(30)
    assert isinstance(caught[0], LockTimeout)
    assert storage.incr("key", 60) == 2


def raised(storage: InstepStorage) -> Exception | None:
    """What a hit raises."""
    try:
        storage.incr("key", 60)
    except Exception as error:
        return error
    return None


def test_a_hit_inside_a_transaction_counts_at_once() -> None:
    """A body that fails gets nothing back: a hit is no part of what it changes."""
    space = Space("memory:")
    limiter = FixedWindowRateLimiter(InstepStorage("instep://", space=space))
    limit, total = RateLimitItemPerMinute(5), space.counter("total")
    with pytest.raises(RuntimeError), space.transaction(total):
        total.increment()
        assert limiter.hit(limit)
        raise RuntimeError
    assert total.value == 0
    assert limiter.get_window_stats(limit).remaining == 4


def test_states_are_plain_data(storage: InstepStorage, space: Space) -> None:
    """What is stored has nothing in it that a program would have to know."""
    storage.incr("key", 60)
    storage.acquire_entry("key", 5, 60)
    storage.acquire_sliding_window_entry("key", 5, 60)
    for kind in (limits.FIXED, limits.MOVING, limits.SLIDING):
        state = storage._tallies.state(kind, "key")
        assert json.loads(json.dumps(state)) == state
