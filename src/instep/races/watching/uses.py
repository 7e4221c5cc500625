"""What one actor did to one location, in the order in which it did it.

What matters of it is little: a read that a later write of the same key may depend on, together
with the locks that were held from the one to the other without a break; the writes; the loops; and
a read of what was written, after the lock was given back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import CellType
from typing import Any

from instep.races.watching.probe import WHOLE, own
from instep.races.watching.sites import ITERATE, TEST, UPDATE, WRITE, Site

MANY = 64
"""Keys of one container that an actor's reads are told apart by; more are the whole of it."""

REMOVING = frozenset({"del", "pop", "popitem", "popleft", "clear", "remove"})

QUOTES = ("'", '"')

CHANGING = frozenset({WRITE, UPDATE})

LONG = 300
"""Accesses of one location by one actor after which a place that is known is not noted again."""

Holds = frozenset[tuple[int, int]]
"""The locks that are held: identity and number of the taking."""

Locks = frozenset[int]


def locks_of(holds: Holds) -> Locks:
    """Which locks, whichever taking."""
    return frozenset(lock for lock, _ in holds)


@dataclass(frozen=True, slots=True)
class Pair:
    """A read and the write that follows it.

    Args:
        first: where it is read, tested, or went through.
        second: where it is written.
        initial: there was nothing (or None) before the write.
        late: the other way round: written first, read again after the lock was given back.
    """

    first: Site
    second: Site
    initial: bool = False
    late: bool = False

    def __hash__(self) -> int:
        return hash((id(self.first), id(self.second), self.initial, self.late))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pair) and hash(self) == hash(other)


@dataclass(slots=True)
class Use:
    """What one actor did to one attribute, global, or container.

    Args:
        owner: kept, so that its identity is not used again.
    """

    owner: Any
    reads: dict[Any, tuple[Site, Holds]] = field(default_factory=dict)
    seen: dict[Any, tuple[Site, Holds]] = field(default_factory=dict)
    """The first read of each key."""
    written: dict[Any, tuple[Site, Holds, bool]] = field(default_factory=dict)
    pairs: dict[Pair, Locks] = field(default_factory=dict)
    twice: dict[Pair, Locks] = field(default_factory=dict)
    """Tests, and the reads of the same that follow them."""
    writes: dict[int, tuple[Site, Locks]] = field(default_factory=dict)
    changes: dict[int, tuple[Site, Locks]] = field(default_factory=dict)
    """Writes that put something else in the place of what was there, or remove it."""
    resizes: dict[int, tuple[Site, Locks]] = field(default_factory=dict)
    loops: dict[int, tuple[Site, Locks]] = field(default_factory=dict)
    looks: dict[int, tuple[Site, Locks]] = field(default_factory=dict)
    """Reads of an attribute or a global."""
    guarded: dict[int, tuple[Site, Locks]] = field(default_factory=dict)
    """Reads under a lock."""
    events: int = 0
    noted: set[tuple[int, Holds]] = field(default_factory=set)
    keys: set[Any] = field(default_factory=set)
    """That were written."""

    def note(self, kind: str, key: Any, site: Site, holds: Holds) -> None:
        """Add what is about to happen; in a long loop, only what is new."""
        self.events += 1
        if self.events > LONG and (id(site), holds) in self.noted:
            return
        self.noted.add((id(site), holds))
        if kind in CHANGING:
            self._write(kind, key, site, holds)
            return
        key = self._spread(key, site)
        before = self.reads.get(key)
        if before is not None and before[0].kind == TEST and before[0] is not site:
            pair, common = Pair(before[0], site), locks_of(before[1] & holds)
            self.twice[pair] = self.twice.get(pair, common) & common
        if before is None and len(self.seen) < MANY:
            self.seen.setdefault(key, (site, holds))
        self.reads[key] = site, holds
        if holds:
            _add(self.guarded, site, locks_of(holds))
        if not site.item:
            _add(self.looks, site, locks_of(holds))
        elif kind == ITERATE:
            _add(self.loops, site, locks_of(holds))
        if self.written:
            self._read_again(key, site, holds)

    def _spread(self, key: Any, site: Site) -> Any:
        """The key that is read: of a list looked through, or from its end, the whole of it."""
        if key is WHOLE or not site.item:
            return key
        if type(self.owner) is list and (site.method == "in" or (type(key) is int and key < 0)):
            return WHOLE
        many = len(self.reads) >= MANY and key not in self.reads
        return WHOLE if many else key

    def _write(self, kind: str, key: Any, site: Site, holds: Holds) -> None:
        read = self.reads.get(key) or self.reads.get(WHOLE)
        initial = is_initial(self.owner, key, site)
        if read is not None:
            pair = Pair(read[0], site, initial)
            common = locks_of(read[1] & holds)
            self.pairs[pair] = self.pairs.get(pair, common) & common
        self.written[key] = site, holds, initial
        self.keys.add(key if self.events < LONG else WHOLE)
        _add(self.writes, site, locks_of(holds))
        if not initial if not site.item else site.method in REMOVING:
            _add(self.changes, site, locks_of(holds))
        if site.item and (site.method not in ("[]", "+=") or initial):
            _add(self.resizes, site, locks_of(holds))
        if kind == UPDATE:
            self.reads[key] = site, holds
        else:
            self.reads.pop(key, None)
            self.reads.pop(WHOLE, None)

    def _read_again(self, key: Any, site: Site, holds: Holds) -> None:
        """What this actor wrote before it now reads, and the lock was given back between."""
        written = self.written.get(key)
        if written is None or written[2] or holds & written[1]:
            return
        if site.item and key is not WHOLE and not site.key.startswith(QUOTES):
            return  # the key is this request's own affair
        self.pairs[Pair(site, written[0], late=True)] = locks_of(written[1])


def _add(places: dict[int, tuple[Site, Locks]], site: Site, locks: Locks) -> None:
    known = places.get(id(site))
    places[id(site)] = site, locks if known is None else known[1] & locks


def is_initial(owner: Any, key: Any, site: Site) -> bool:
    """Whether nothing, or None, is there before a write; the program's own code is not asked."""
    if site.item:
        if isinstance(owner, dict) and key is not WHOLE:
            return dict.get(owner, key) is None
        return False
    if isinstance(owner, dict):
        return owner.get(key) is None
    if type(owner) is CellType:
        return content(owner) is None
    attributes = own(owner)
    if isinstance(attributes, tuple):
        return False
    found = attributes.get(key)
    if found is None and key not in attributes and not isinstance(owner, type):
        found = next(
            (base.__dict__[key] for base in type(owner).__mro__ if key in base.__dict__), 0
        )
        return found is None
    return found is None


def content(cell: CellType, nothing: Any = None) -> Any:
    """What a variable of a function around holds, or `nothing` if it is not bound yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return nothing
