"""For the tests of watching: programs from source, and who listens to them."""

import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from instep.races.watching import Listener, Site, instrument, probe
from instep.races.watching.candidates import Candidate
from instep.races.watching.lockset import Lockset

Told = tuple[str, str, Any, str]
"""Kind, type of the owner, key, source."""


class Recorder(Listener):
    """Writes down what it is told."""

    def __init__(self, *, steps: bool = False) -> None:
        self.steps = steps
        self.told: list[Told] = []
        self.locks: list[tuple[str, str]] = []
        self.owners: list[object] = []

    def access(self, kind: str, owner: object, key: object, site: Site) -> None:
        """One more."""
        self.told.append((kind, type(owner).__name__, key, site.text))
        self.owners.append(owner)

    def acquire(
        self, lock: Any, blocking: bool, timeout: float, site: Site, native: Callable[[], Any]
    ) -> Any:
        """One more."""
        self.locks.append(("acquire", site.text))
        return native()

    def release(self, lock: Any, site: Site, native: Callable[[], Any]) -> Any:
        """One more."""
        self.locks.append(("release", site.text))
        return native()


class Program:
    """A module from source, whose functions are called as requests.

    Args:
        source: of the module `shop`.
    """

    def __init__(self, source: str) -> None:
        self.space: dict[str, Any] = {"__name__": "shop"}
        code = instrument(textwrap.dedent(source), "shop.py", self.space, name="shop")
        exec(code, self.space)
        self.lockset = Lockset(lambda: {"shop": self.space})

    def ask(self, *names: str) -> None:
        """Call functions, each as a request of its own."""
        for name in names:
            with listening(self.lockset), self.lockset.request(f"GET /{name}"):
                self.space[name]()

    def found(self) -> list[tuple[str, str]]:
        """The rules and locations of the candidates, but for those of little weight."""
        return [(each.rule, each.location) for each in self.candidates() if each.rank < 2]

    def candidates(self) -> list[Candidate]:
        """All of them; the pass itself has not failed."""
        made = self.lockset.candidates()
        assert self.lockset.error is None, self.lockset.error
        return made


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Somebody listens for as long as this lasts."""
    before = probe.listen(listener)
    try:
        yield
    finally:
        probe.listen(before)


def told(source: str, *, steps: bool = False) -> Recorder:
    """Run `main` of a program, and return what was told."""
    space: dict[str, Any] = {"__name__": "shop"}
    exec(instrument(textwrap.dedent(source), "shop.py", space, name="shop"), space)
    recorder = Recorder(steps=steps)
    with listening(recorder):
        space["main"]()
    return recorder
