"""Sessions on every store, by several processes, and where a store forgets."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import pytest

from actors import Child
from instep import Space
from instep.integrations.session import Session
from instep.integrations.session.records import Changes, Fate, Records
from servers import Memcached, Redis
from session_apps import Paused, Shop, cookie, sets

ENGINES = ("memory", "lmdb", "redis", "postgresql", "manager", "memcached")


@pytest.fixture(params=ENGINES)
def anywhere(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    """The URL of an empty store, on each engine."""
    from places import place

    if request.param == "memcached":
        server: Memcached = request.getfixturevalue("memcached_server")
        return server.url
    return place(request.param, tmp_path, request.getfixturevalue)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes the shops and spaces of a test, before its server's fixture looks for the rest."""
    with ExitStack() as stack:
        yield stack


def shop_at(opened: ExitStack, url: str, **config: Any) -> Shop:
    """A shop that is closed at the end."""
    shop = Shop(url, **config)
    opened.callback(shop.space.close)
    return shop


def records_at(opened: ExitStack, url: str) -> Records:
    """Records that are closed at the end."""
    return Records(opened.enter_context(closing(Space(url))), "session", 32)


def test_the_life_of_a_session(opened: ExitStack, anywhere: str) -> None:
    """Login, merge, transaction, rotation, refresh and logout, on every store."""
    shop = shop_at(opened, anywhere)
    client = shop.client(cart=[1], old=0)
    stolen = shop.same(client)
    slow = Paused(shop, shop.same(client), lambda session: session["cart"].append(2))
    shop.visit(client, lambda session: (session.pop("old"), session.update(theme="dark")))
    slow.finish()

    def order(session: Session) -> None:
        with session.transaction():
            session["orders"] = session.get("orders", 0) + 1

    shop.visit(client, order)
    shop.visit(client, lambda session: session.rotate())
    assert shop.seen(client) == "{'cart': [1, 2], 'orders': 1, 'theme': 'dark'}"
    assert shop.seen(stolen) == "{}"
    shop.visit(client, lambda session: session.clear())
    assert shop.seen(client) == "{}"


def test_records_on_every_store(opened: ExitStack, anywhere: str) -> None:
    """Expiries are kept, moved and left alone as they should, and nothing gone comes back."""
    records = records_at(opened, anywhere)
    begun = time.time()
    sid = records.create({"n": 1}, 1000.0)

    def ends(sid: str) -> float:
        found = records.load(sid)
        assert found is not None
        return found.expires - begun

    assert 999 < ends(sid) < 1100
    with records.hold() as held:
        assert records.content(held, sid) == records.pack({"n": 1})
        records.write(held, sid, {"n": 2})
    assert 999 < ends(sid) < 1100  # a transaction leaves the expiry as it was
    assert records.merge(sid, Changes({}, frozenset()), 31 * 86400.0) is Fate.KEPT
    assert 31 * 86400 - 1 < ends(sid) < 31 * 86400 + 100
    assert records.merge(sid, Changes({"m": 1}, frozenset()), 2000.0) is Fate.KEPT
    assert 1999 < ends(sid) < 2100
    found = records.load(sid)
    assert found is not None
    assert records.unpack(found.packed) == {"n": 2, "m": 1}
    assert records.merge(sid, Changes({}, frozenset("nm")), 2000.0) is Fate.EMPTIED
    assert records.merge(sid, Changes({"n": 3}, frozenset()), 2000.0) is Fate.ENDED
    assert records.merge(sid, Changes({}, frozenset()), 2000.0) is Fate.ENDED
    assert records.load(sid) is None
    assert records.end(sid) is None
    assert records.move(sid, Changes({"n": 3}, frozenset()), 2000.0)[0] is Fate.ENDED


def test_a_session_ends_on_every_store(opened: ExitStack, anywhere: str) -> None:
    """After its lifetime it is not read any more."""
    records = records_at(opened, anywhere)
    sid = records.create({"n": 1}, 0.05)
    time.sleep(0.06)
    assert records.load(sid) is None


def test_counting_in_a_session_by_several_processes(
    opened: ExitStack, shared_place: str, fork: Callable[..., Child]
) -> None:
    """Two processes of two threads each count in one session, and put keys of their own."""
    shop = shop_at(opened, shared_place)
    value = cookie(shop.client(n=0))

    def work(process: int) -> list[int]:
        shop = Shop(shared_place)
        numbers: list[int] = []

        def windows(thread: int) -> None:
            window = shop.app.test_client()
            window.set_cookie("session", value)
            for turn in range(5):
                key = f"{process}-{thread}-{turn}"
                shop.visit(window, lambda session, key=key: session.update({key: 1}))
                numbers.append(int(shop.visit(window, _count).text))

        threads = [threading.Thread(target=windows, args=(thread,)) for thread in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shop.space.close()
        return numbers

    children = [fork(work, process) for process in range(2)]
    numbers = [number for child in children for number in child.result()]
    assert sorted(numbers) == list(range(1, 21))
    window = shop.app.test_client()
    window.set_cookie("session", value)
    assert shop.visit(window, lambda session: len(session)).text == "21"


def _count(session: Session) -> int:
    with session.transaction():
        session["n"] += 1
        number: int = session["n"]
        return number


def test_memcached_may_forget(opened: ExitStack, memcached_server: Memcached) -> None:
    """A session that the server has dropped is a logout: a new one, and no error."""
    shop = shop_at(opened, memcached_server.url)
    client = shop.client(user="anna")
    slow = Paused(shop, shop.same(client), lambda session: session.update(late=1))
    assert memcached_server.cli("flush_all") == "OK"
    assert sets(slow.finish()) == []
    assert shop.seen(client) == "{}"
    shop.visit(client, lambda session: session.update(user="berta"))
    assert shop.seen(client) == "{'user': 'berta'}"


def test_a_store_that_is_not_there_is_a_500(opened: ExitStack) -> None:
    """A request with a cookie fails; one without is served."""
    with Redis() as server:
        shop = shop_at(opened, server.url, TESTING=False)
        client = shop.client(user="anna")
        assert shop.seen(client) == "{'user': 'anna'}"
        server.stop()
        assert shop.visit(client).status_code == 500
        assert shop.visit(shop.app.test_client()).text == "{}"


def test_the_default_lifetime_is_kept_by_memcached(
    opened: ExitStack, memcached_server: Memcached
) -> None:
    """31 days: more than the thirty that memcached takes as a number of seconds."""
    shop = shop_at(opened, memcached_server.url)
    assert shop.app.permanent_session_lifetime == timedelta(days=31)
    assert shop.seen(shop.client(user="anna")) == "{'user': 'anna'}"
