"""Who does what to one piece of state: the traces, turned around.

A trace tells what one actor does to everything. A rule asks what everybody does to one thing. What
lies inside a container (`ORDERS[7]["paid"]`) belongs to the container.

How it stays right. Only what runs while others run counts: views, hooks and background jobs, not
what happens at import or in a command. Two accesses are rivals if their actors are two, or one that
runs beside itself, if both may concern the same entry, and if no lock keeps them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from instep.races.reading.model import Access, Actor, Kind, Location, Lock, Program, Role
from instep.races.rules import lines
from instep.races.rules.locking import excludes
from instep.races.rules.methods import changes, meet

CONCURRENT = (Role.VIEW, Role.HOOK, Role.BACKGROUND)
REQUESTS = (Role.VIEW, Role.HOOK)


def thing(location: Location) -> Location:
    """What a location belongs to: the variable or attribute that holds the container around it.

    Example:
        >>> from instep.races.reading.model import Location, Root
        >>> str(thing(Location(Root.GLOBAL, "shop", "ORDERS", ("[]", "[]"))))
        'ORDERS'
        >>> str(thing(Location(Root.GLOBAL, "shop", "games", ("[]", ".players", "[]"))))
        'games[].players'
    """
    path = location.path
    for index, step in enumerate(path):
        of_an_entry = path[index + 1 : index + 2] and path[index + 1].startswith(".")
        if step == "[]" and not of_an_entry:
            return replace(location, path=path[:index])
    return location


@dataclass(slots=True)
class Part:
    """What one actor does to one piece of state, by number and so in program order."""

    actor: Actor
    accesses: dict[int, Access] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    """Those that something else hangs on: what is written elsewhere comes from them."""
    acts: dict[int, list[Access]] = field(default_factory=dict)
    """By the number of a test: the changes of anything that it decides, of this actor."""
    _reads: dict[str | None, list[Access]] = field(default_factory=dict)

    def writes(self) -> Iterator[Access]:
        """Those that change it."""
        return filter(changes, self.accesses.values())

    def among(self, numbers: frozenset[int]) -> Iterator[Access]:
        """Those of some accesses that concern this piece of state, in order."""
        return (self.accesses[number] for number in sorted(numbers) if number in self.accesses)

    def after(self, access: Access) -> Iterator[Access]:
        """Those that come later."""
        return (other for number, other in self.accesses.items() if number > access.number)

    def reads(self, key: str | None) -> list[Access]:
        """Those that read an entry, in order; rules ask for it once per write."""
        if not self._reads:
            for access in self.accesses.values():
                if access.kind is Kind.READ:
                    self._reads.setdefault(access.key, []).append(access)
        return self._reads.get(key, [])


@dataclass(frozen=True, slots=True)
class Rival:
    """Another one's access that may come between."""

    actor: Actor
    access: Access


class State:
    """One piece of state, and all that happens to it while requests run.

    Args:
        location: of it.
        types: what it may hold: `dict`, `list`, `shop.Stock`.
        files: the lines of the program, by path.
    """

    def __init__(
        self, location: Location, types: frozenset[str], files: dict[str, list[str]] | None = None
    ) -> None:
        self.location = location
        self.types = types
        self._files = files or {}
        self.parts: list[Part] = []
        self._writers: list[Rival] = []

    def line(self, access: Access) -> str:
        """The source line of an access; empty if it is not at hand."""
        known = self._files.get(access.place.path, [])
        return known[access.place.line - 1] if 0 < access.place.line <= len(known) else ""

    def source(self, access: Access) -> str:
        """The same of all its lines, in one."""
        return lines.source(self._files.get(access.place.path, []), access.place)

    def caught(self, access: Access, error: str) -> str:
        """The name by which an error there is caught in the same function; empty if it is not."""
        return lines.caught(self._files.get(access.place.path, []), access.place, error)

    def close(self) -> None:
        """All parts are there: keep one of each kind of write, since many are alike.

        One actor that runs beside itself stands for all; of those that do not, two are needed.
        """
        kinds: dict[object, list[Rival]] = {}
        for part in self.parts:
            for write in part.writes():
                alike = kinds.setdefault(_kind(write), [])
                if any(rival.actor.repeated or rival.actor is part.actor for rival in alike):
                    continue
                if len(alike) < 2:
                    alike.append(Rival(part.actor, write))
                elif part.actor.repeated:
                    alike[:] = [Rival(part.actor, write)]
        self._writers = [rival for alike in kinds.values() for rival in alike]

    @property
    def writers(self) -> list[Rival]:
        """Every write, once for each actor and kind."""
        return self._writers

    def rivals(
        self,
        actor: Actor,
        span: frozenset[Lock],
        access: Access,
        wanted: Callable[[Access], bool] = changes,
    ) -> Iterator[Rival]:
        """The writes of others, or of the same actor in another request, that may come between.

        Args:
            actor: who is disturbed.
            span: the locks that it holds throughout.
            access: at what.
            wanted: which writes would disturb it.
        """
        for rival in self._writers:
            other = rival.access
            if rival.actor is actor and not actor.repeated:
                continue
            if _each_its_own(actor, rival.actor, access.location):
                continue
            if wanted(other) and meet(access, other) and not excludes(span, access, other):
                yield rival

    def readers(self, besides: Actor) -> Iterator[Part]:
        """Parts of other views and hooks that look at it."""
        for part in self.parts:
            looks = any(not changes(access) for access in part.accesses.values())
            if looks and part.actor is not besides and part.actor.role in REQUESTS:
                yield part


def _each_its_own(actor: Actor, other: Actor, location: Location) -> bool:
    """Whether it is a field of objects that each run this once, and neither sees the other's."""
    own = actor.own
    if own is None or other.own != own or other.name != actor.name:
        return False
    return location.path[: len(own.path)] == own.path and location.name == own.name


def _kind(write: Access) -> object:
    """What tells one write from another, as far as it may disturb somebody."""
    locks = frozenset(hold.lock for hold in write.held)
    return write.location, write.key, write.method, write.value, locks, write.place


def states(program: Program) -> list[State]:
    """Every piece of state that actors share, in the order of its name."""
    found: dict[Location, State] = {}
    for actor in program.actors:
        if actor.role in CONCURRENT:
            for location, part in _parts(actor).items():
                if location not in found:
                    types = program.values.get(location) or program.values.get(
                        replace(location, path=(*location.path, "[]")), frozenset()
                    )
                    found[location] = State(location, types, program.files)
                found[location].parts.append(part)
    for state in found.values():
        state.close()
    return [found[location] for location in sorted(found)]


def _parts(actor: Actor) -> dict[Location, Part]:
    """A trace, sorted by what it is about."""
    parts: dict[Location, Part] = {}
    owners: dict[int, Part] = {}
    acts: dict[int, list[Access]] = {}
    for access in actor.trace:
        location = thing(access.location)
        part = parts.get(location)
        if part is None:
            part = parts[location] = Part(actor, acts=acts)
        part.accesses[access.number] = access
        owners[access.number] = part
        if changes(access):
            for number in access.guards:
                acts.setdefault(number, []).append(access)
            for number in access.depends:
                if number in owners and owners[number] is not part:
                    owners[number].used.add(number)
    return parts
