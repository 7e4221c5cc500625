"""Traces built by hand, for tests of the rules that need no program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from instep.races.reading.model import (
    Access,
    Actor,
    Hold,
    Kind,
    Location,
    Lock,
    Place,
    Program,
    Role,
    Root,
)

LOCK = Lock("lock")


def state(name: str = "D", *path: str, root: Root = Root.GLOBAL) -> Location:
    """A location of the module `shop`."""
    return Location(root, "shop", name, path)


def place(line: int, function: str = "shop.view") -> Place:
    """A line of `shop.py`."""
    return Place("shop.py", line, 4, line, function)


@dataclass
class Script:
    """Writes the trace of one actor, one access a line.

    Args:
        name: of the actor.
        role: when it runs.
        repeated: whether it runs beside itself.
        line: where it begins in the source.
    """

    name: str = "shop.view"
    role: Role = Role.VIEW
    repeated: bool = True
    line: int = 10
    trace: list[Access] = field(default_factory=list)
    holds: int = 0
    held: frozenset[Hold] = frozenset()

    def __call__(
        self,
        kind: Kind,
        location: Location,
        *,
        depends: Iterable[int] = (),
        guards: Iterable[int] = (),
        **more: object,
    ) -> int:
        """Add an access; its number."""
        number = len(self.trace)
        access = Access(
            number,
            kind,
            location,
            place(self.line + number, self.name),
            held=self.held,
            depends=frozenset(depends),
            guards=frozenset(guards),
            **more,  # type: ignore[arg-type]
        )
        self.trace.append(access)
        return number

    def take(self, lock: Lock = LOCK) -> None:
        """Hold a lock from now on."""
        self.holds += 1
        self.held |= {Hold(lock, self.holds)}

    def give(self, lock: Lock = LOCK) -> None:
        """Hold it no longer."""
        self.held = frozenset(hold for hold in self.held if hold.lock != lock)

    def actor(self, *routes: str) -> Actor:
        """The actor with what was written."""
        return Actor(
            self.name, self.role, place(self.line, self.name), routes, self.trace, self.repeated
        )


def program(*scripts: Script, types: dict[Location, str] | None = None) -> Program:
    """A program of these actors."""
    values = {location: frozenset({name}) for location, name in (types or {}).items()}
    actors = [script.actor(f"GET /{script.name.rpartition('.')[2]}") for script in scripts]
    return Program(actors=actors, values=values)
