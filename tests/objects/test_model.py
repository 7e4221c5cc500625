"""Random programs of nested transactions, against a model that copies everything at each block."""

from copy import deepcopy
from typing import Any

import pytest
from callers import contents
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instep import Space


class Box:
    """An object whose every part can change."""

    def __init__(self) -> None:
        self.log: list[int] = []
        self.n = 0

    def put(self, n: int) -> int:
        """Change."""
        self.log.append(n)
        self.n += n
        return self.n

    def put_and_fail(self, n: int) -> None:
        """Change in vain."""
        self.log = [n]
        self.extra = n
        raise LookupError(n)

    def drop(self) -> None:
        """Have less."""
        self.log.clear()
        vars(self).pop("extra", None)


where = st.sampled_from("ab")
number = st.integers(-3, 3)
step = st.one_of(
    st.tuples(st.sampled_from(["put", "fail", "drop", "assign"]), where, number),
    st.tuples(st.sampled_from(["member", "member_fails", "member_del"]), where, number),
    st.tuples(
        st.sampled_from(["count", "reset", "set", "swap", "entry", "entry_del"]), where, number
    ),
    st.tuples(st.sampled_from(["compute", "compute_fails", "delete", "look"]), where, number),
)
block = st.recursive(
    st.lists(step, max_size=6),
    lambda inner: st.lists(
        st.one_of(step, st.tuples(st.just("block"), st.booleans(), inner)), max_size=6
    ),
    max_leaves=25,
)

EMPTY: dict[str, Any] = {"box": {}, "member": {}, "count": {}, "value": {}, "entry": {}}


class Runner:
    """Does each step to the space and to the model, and compares what they say."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.model = deepcopy(EMPTY)
        self.boxes = {key: space.share(f"box {key}", Box) for key in "ab"}
        self.members = space.family("members", Box)
        self.counters = {key: space.counter(f"count {key}") for key in "ab"}
        self.values = {key: space.value(f"value {key}", default=0) for key in "ab"}
        self.entries = space.mapping("entries")

    def run(self, steps: list[Any]) -> None:
        for words in steps:
            if words[0] == "block":
                self.block(*words[1:])
            else:
                getattr(self, words[0])(*words[1:])
        self.compare()

    def block(self, fails: bool, steps: list[Any]) -> None:
        before = deepcopy(self.model)
        try:
            with self.space.transaction():
                self.run(steps)
                if fails:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            self.model = before
        self.compare()

    def box(self, kind: str, key: str) -> Any:
        return self.model[kind].setdefault(key, {"log": [], "n": 0})

    def put(self, key: str, n: int, kind: str = "box") -> None:
        proxy, state = self.boxes[key] if kind == "box" else self.members[key], self.box(kind, key)
        state["log"].append(n)
        state["n"] += n
        assert proxy.put(n) == state["n"]

    def fail(self, key: str, n: int, kind: str = "box") -> None:
        proxy, known = (
            self.boxes[key] if kind == "box" else self.members[key],
            key in self.model[kind],
        )
        with pytest.raises(LookupError):
            proxy.put_and_fail(n)
        if known:
            assert proxy.log == self.model[kind][key]["log"]

    def drop(self, key: str, n: int) -> None:
        state = self.box("box", key)
        state["log"].clear()
        state.pop("extra", None)
        self.boxes[key].drop()

    def assign(self, key: str, n: int) -> None:
        self.box("box", key)["extra"] = n
        with self.space.transaction(self.boxes[key]):
            self.boxes[key].extra = n  # type: ignore[attr-defined]

    def member(self, key: str, n: int) -> None:
        self.put(key, n, "member")

    def member_fails(self, key: str, n: int) -> None:
        self.fail(key, n, "member")

    def member_del(self, key: str, n: int) -> None:
        if self.model["member"].pop(key, None) is None:
            with pytest.raises(KeyError):
                del self.members[key]
        else:
            del self.members[key]

    def count(self, key: str, n: int) -> None:
        self.model["count"][key] = self.model["count"].get(key, 0) + n
        assert self.counters[key].increment(n) == self.model["count"][key]

    def reset(self, key: str, n: int) -> None:
        self.model["count"][key] = n
        self.counters[key].reset(n)

    def set(self, key: str, n: int) -> None:
        self.model["value"][key] = n
        assert self.values[key].update(lambda _: n) == n

    def swap(self, key: str, n: int) -> None:
        assert self.values[key].swap(n) == self.model["value"].get(key, 0)
        self.model["value"][key] = n

    def entry(self, key: str, n: int) -> None:
        self.model["entry"][key] = n
        self.entries[key] = n

    def entry_del(self, key: str, n: int) -> None:
        assert self.entries.pop(key, None) == self.model["entry"].pop(key, None)

    def compute(self, key: str, n: int) -> None:
        """A computation that calls other objects, which join."""
        self.model["entry"][key] = self.model["entry"].get(key, 0) + n

        def more(old: int) -> int:
            self.count(key, n)
            self.put(key, n)
            return old + n

        assert self.entries.compute(key, more, 0) == self.model["entry"][key]

    def compute_fails(self, key: str, n: int) -> None:
        before = deepcopy(self.model)

        def more(old: int) -> int:
            self.count(key, n)
            self.put(key, n)
            self.entry_del(key, n)
            raise LookupError

        with pytest.raises(LookupError):
            self.entries.compute(key, more, 0)
        self.model = before

    def delete(self, key: str, n: int) -> None:
        kind = ("box", "count", "value", "member", "entry")[n % 5]
        if kind in ("member", "entry"):
            existed, self.model[kind] = bool(self.model[kind]), {}
            name = "members" if kind == "member" else "entries"
        else:
            existed, name = self.model[kind].pop(key, None) is not None, f"{kind} {key}"
        assert self.space.delete(name) == existed

    def look(self, key: str, n: int) -> None:
        assert self.boxes[key].n == self.box("box", key)["n"]

    def compare(self) -> None:
        assert dict(self.entries.items()) == self.model["entry"]
        assert sorted(self.members) == sorted(self.model["member"])
        for key in "ab":
            assert self.counters[key].value == self.model["count"].get(key, 0)
            assert self.values[key].get() == self.model["value"].get(key, 0)
            assert (key in self.members) is (key in self.model["member"])
            for kind, proxy in (("box", self.boxes[key]), ("member", self.members[key])):
                if key in self.model[kind]:
                    assert proxy.log == self.model[kind][key]["log"]
                    assert getattr(proxy, "extra", None) == self.model[kind][key].get("extra")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=block)
def test_random_programs_do_what_the_model_does(steps: list[Any]) -> None:
    """Blocks that fail undo themselves and nothing else, to any depth, for every kind of object."""
    space = Space("memory:")
    runner = Runner(space)
    runner.run(steps)
    before = contents(space)
    runner.block(True, steps)
    assert contents(space) == before
