"""What is said of a declaration beside its name: its group, and whether it may vanish."""

from typing import Any

import pytest

from flask import Flask
from instep import Misuse, Space
from instep.declarations import Declared
from instep.flask import Instep
from instep.stores.base import Engine, Powers
from instep.stores.memory import MemoryStore

FORGETFUL = Engine(
    "forgetful:",
    Powers(several=False, durable=False, machines=True, leases=True, listing=False, volatile=True),
    MemoryStore,
)


class Cart:
    """Something to share."""

    def __init__(self) -> None:
        self.items = 0

    def add(self) -> int:
        """Change it."""
        self.items += 1
        return self.items


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Space:
    """A space on an engine that forgets and cannot list."""
    monkeypatch.setattr("instep.space.engine", lambda url: FORGETFUL)
    return Space("forgetful:")


def test_a_group_is_a_hash_tag() -> None:
    """The names begin with it in braces; with and without `options` it is one object."""
    space = Space("memory:")
    orders = space.options(group="orders")
    assert orders.share("cart", Cart).add() == 1
    orders.counter("n").increment()
    orders.family("carts", Cart)["a"].add()
    orders.mapping("m")["k"] = 1
    orders.value("v").set(1)
    with orders.lock("l"):
        pass
    assert space.names() == sorted(
        f"{{orders}}{name}" for name in ("cart", "carts", "l", "m", "n", "v")
    )
    assert space.share("{orders}cart", Cart).add() == 2


@pytest.mark.parametrize("group", ["", "a{b", "}", 5, "a\0b"])
def test_groups_that_are_none(group: Any) -> None:
    """Refused, and nothing is declared."""
    space = Space("memory:")
    with pytest.raises(Misuse):
        space.options(group=group).counter("n")
    assert space.declared() == {}


@pytest.mark.parametrize("kind", ["share", "family", "counter", "value", "mapping"])
def test_what_may_not_vanish_is_refused_where_it_might(forgetful: Space, kind: str) -> None:
    """At the declaration, with the way out; the name stays free."""
    args = (Cart,) if kind in ("share", "family") else ()
    with pytest.raises(Misuse, match=r"may forget.*options\(volatile=True\)") as caught:
        getattr(forgetful, kind)("thing", *args)
    assert kind in str(caught.value)
    assert forgetful.declared() == {}


@pytest.mark.parametrize("kind", ["share", "family", "counter", "value"])
def test_what_may_vanish_is_taken(forgetful: Space, kind: str) -> None:
    """Said so, it may be declared."""
    args = (Cart,) if kind in ("share", "family") else ()
    getattr(forgetful.options(volatile=True), kind)("thing", *args)
    assert list(forgetful.declared()) == ["thing"]


def test_locks_may_vanish(forgetful: Space) -> None:
    """A lock that is lost is found out by its holder."""
    with forgetful.lock("l") as held:
        assert held.fence == 1


def test_a_mapping_needs_a_store_that_can_list(forgetful: Space) -> None:
    """Iterating is part of what a mapping is."""
    with pytest.raises(Misuse, match="cannot list"):
        forgetful.options(volatile=True).mapping("m")


def test_init_app_checks_what_was_declared_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object declared at import meets its store in `init_app`; the application stays unbound."""
    shared = Instep()
    shared.counter("n")
    monkeypatch.setattr("instep.space.engine", lambda url: FORGETFUL)
    app = Flask(__name__)
    with pytest.raises(Misuse, match="'n' is a counter"):
        shared.init_app(app)
    assert "instep" not in app.extensions
    assert list(shared.engines()) == []


def test_declared_after_init_app_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as the store is known."""
    monkeypatch.setattr("instep.space.engine", lambda url: FORGETFUL)
    app = Flask(__name__)
    shared = Instep(app)
    with pytest.raises(Misuse, match="'n' is a counter"):
        shared.counter("n")
    shared.options(volatile=True).counter("n")


def test_a_declaration_says_what_it_is() -> None:
    """For messages."""
    assert str(Declared("share", Cart, False)) == f"share of {__name__}.Cart"
    assert str(Declared("counter", None, False)) == "counter"
