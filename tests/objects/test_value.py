"""Values are read and replaced as a whole."""

from datetime import date
from typing import Any

import pytest
from callers import at_once, contents

from instep import Misuse, Space


def test_get_set_swap_update(space: Space) -> None:
    """The default until it is set; swap gives the old one, update the new one."""
    banner = space.value("banner", default="hello")
    assert banner.get() == "hello"
    banner.set("closed")
    assert (banner.swap("open"), banner.get()) == ("closed", "open")
    assert banner.update(lambda text: text + "!") == banner.get() == "open!"
    assert space.value("empty").get() is None


def test_compare_and_set(space: Space) -> None:
    """It replaces only what equals the old value, the default included, and says whether it did."""
    turn = space.value("turn", default=0)
    assert not turn.compare_and_set(5, 6)
    assert contents(space) == []
    assert turn.compare_and_set(0, 1)
    assert not turn.compare_and_set(0, 2)
    assert turn.get() == 1


def test_one_of_many_wins_a_compare_and_set(space: Space) -> None:
    """Of 16 threads that want the same thing, one gets it."""
    turn = space.value("turn", default="free")
    assert sum(at_once(16, lambda: turn.compare_and_set("free", "taken"))) == 1


def test_update_is_one_step(space: Space) -> None:
    """Updates by 8 threads add up, and each gets its own result."""
    total = space.value("total", default=0)
    numbers = at_once(8, lambda: [total.update(lambda n: n + 1) for _ in range(25)])
    assert sorted(n for found in numbers for n in found) == list(range(1, 201))


def test_every_kind_of_value_comes_back_equal(space: Space) -> None:
    """Nested containers with tuples, sets, dates and odd keys keep their types."""
    thing: dict[Any, Any] = {"a": (1, {2, 3}), 5: [b"x", None, 1.5], (1, 2): date(2026, 1, 2)}
    value = space.value("thing")
    value.set(thing)
    assert value.get() == thing
    assert [type(item) for item in value.get().values()] == [tuple, list, date]


def test_nothing_kept_changes_the_store(space: Space) -> None:
    """The default, what was set, what was got and what a function made are copies."""
    default: list[int] = []
    value = space.value("v", default=default)
    default.append(1)
    value.get().append(2)
    assert value.get() == []
    mine = [1]
    value.set(mine)
    mine.append(2)
    value.swap([1]).append(3)
    made: list[list[int]] = []
    value.update(lambda old: made.append(old) or old)[:] = []  # type: ignore[func-returns-value]
    made[0].append(4)
    assert value.get() == [1]


def test_an_update_that_raises_changes_nothing(space: Space) -> None:
    """The function's own exception arrives, and the value is as before."""
    value = space.value("v", default=1)
    value.set([1])

    def fail(old: list[int]) -> None:
        old.append(2)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        value.update(fail)
    assert value.get() == [1]


def test_what_cannot_be_stored_is_refused(space: Space) -> None:
    """As a default, in set, swap, update and compare_and_set, with the path in the message."""
    value = space.value("v", default=1)
    for use in (
        lambda: value.set({"a": [object()]}),
        lambda: value.swap({"a": [object()]}),
        lambda: value.update(lambda _: {"a": [object()]}),
        lambda: value.compare_and_set(1, {"a": [object()]}),
    ):
        with pytest.raises(Misuse, match=r"v\['a'\]\[0\]"):
            use()
    with pytest.raises(Misuse, match="w"):
        space.value("w", default=object())
    assert contents(space) == []


def test_an_async_function_is_refused(space: Space) -> None:
    """update() takes a plain function: a coroutine would run after the commit."""

    async def later(old: Any) -> Any:
        return old

    with pytest.raises(Misuse, match="coroutine"):
        space.value("v").update(later)
    assert contents(space) == []
