"""Candidates: what the lockset pass says would race, in words and as data."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CellType
from typing import TYPE_CHECKING, Any

from instep.races.reading.model import Place
from instep.races.rules.finding import Severity
from instep.races.watching.sites import TEST, Site
from instep.races.watching.uses import Locks, Pair

if TYPE_CHECKING:
    from instep.races.watching.lockset import Track

RESIZED = (dict, set, deque)
"""Containers whose loops fail when somebody adds or removes meanwhile."""

ROUTE = re.compile(r"^[A-Z]+ /\S*")
"""The route in the name of a request."""


@dataclass(slots=True)
class Candidate:
    """One race that the tests would have met, had their requests come at the same time.

    Args:
        rule: the id of the rule whose page explains it.
        severity: how bad it is.
        location: the state, as the program would write it.
        title: what it is.
        consequence: what can go wrong.
        read: the first place.
        writing: the second place.
        locks: that are held at the one and the other, as the source calls them.
        requests: that did it.
    """

    rule: str
    severity: Severity
    location: str
    title: str
    consequence: str
    read: Site
    writing: Site
    locks: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    requests: list[str] = field(default_factory=list)
    also: Site | None = None
    """Where others change it, if none of the two places does."""

    @property
    def write(self) -> Place:
        """Where it is written."""
        return self.writing.place

    @property
    def rank(self) -> int:
        """The worst first."""
        return self.severity.rank

    @property
    def identity(self) -> tuple[Any, ...]:
        """What makes two of them one: the same places, whatever the object."""
        return self.rule, self.read.place, self.write

    def merge(self, other: Candidate) -> None:
        """Another object, or another process, showed the same."""
        self.requests += [each for each in other.requests if each not in self.requests]
        del self.requests[3:]

    def data(self) -> dict[str, Any]:
        """As `instep check` writes its findings, so that `instep explore` can take either."""
        sites = [self.read, self.writing]
        held = list(self.locks)
        if self.also is not None:
            sites, held = [*sites, self.also], [held[0], held[0], held[1]]
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "location": self.location,
            "title": self.title,
            "consequence": self.consequence,
            "path": self.write.path,
            "line": self.write.line,
            "sites": [_site(site, locks) for site, locks in zip(sites, held, strict=True)],
            "actors": [
                {"name": name, "role": "view", "routes": ROUTE.findall(name)}
                for name in self.requests
            ],
            "window": "unknown",
            "fingerprint": self._fingerprint(),
        }

    def _fingerprint(self) -> str:
        """Stays when lines move."""
        known = [self.rule, self.location, self.read.place.function, self.write.function]
        return hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]


def _site(site: Site, held: list[str]) -> dict[str, Any]:
    place = site.place
    return {
        "path": place.path,
        "line": place.line,
        "column": place.column + 1,
        "end_line": place.end_line,
        "function": place.function,
        "kind": site.kind,
        "text": site.text,
        "locks": held,
    }


def candidate_of(
    name: str | None, track: Track, locks: dict[int, tuple[Any, str]]
) -> Iterator[Candidate]:
    """The candidates of one location.

    Args:
        name: of the attribute or global; None for what is inside a container.
        track: what was done to it.
        locks: by identity, with what the source calls them.
    """
    made = [*_pairs(name, track, locks), *_twice(name, track, locks)]
    made += [*_loops(track, locks), *_torn(name, track, locks)]
    yield from made or _bindings(name, track, locks)


def _pairs(
    name: str | None, track: Track, locks: dict[int, tuple[Any, str]]
) -> Iterator[Candidate]:
    guarded = {
        id(pair.second)
        for pair, (held, _, _) in track.pairs.items()
        if held and not pair.late and not pair.initial
    }
    for pair, (held, names, repeated) in track.pairs.items():
        if not repeated and track.actors < 2:
            continue  # a thread that nobody else meets
        first, second = pair.first, pair.second
        where = _location(name, track, second)
        if pair.late:
            if held and id(second) in guarded:
                yield _late(where, pair, held, names, locks)
            elif not held and track.writers > 1:
                yield _own(where, pair, names)
            continue
        if not held:
            rule, severity = _rule(name, track, pair)
            title, consequence = _words(where, pair)
            yield Candidate(
                rule, severity, where, title, consequence, first, second, requests=names
            )
            continue
        looks = track.guarded.get(id(first))
        if looks is not None and not looks[1]:
            yield _several_locks(where, pair, [*names, looks[2]], _named(held, locks))
            continue
        for site, others, name_of in track.writes.values():
            if not held & others and site is not second:
                yield _mixed(where, pair, site, [*names, name_of], _texts(held, others, locks))
                break


def _texts(
    held: Locks, others: Locks, locks: dict[int, tuple[Any, str]]
) -> tuple[list[str], list[str]]:
    return _named(held, locks), _named(others, locks)


def _named(held: Locks, locks: dict[int, tuple[Any, str]]) -> list[str]:
    return sorted(locks[each][1] for each in held if each in locks)


def _location(name: str | None, track: Track, site: Site) -> str:
    edge = track.edge
    around = edge.text if edge else "?"
    if name is not None:
        return around if track.kind is CellType else f"{around}.{name}"
    return around if site.key == "[]" else f"{around}[{site.key}]"


def _rule(name: str | None, track: Track, pair: Pair) -> tuple[str, Severity]:
    if name is None:
        asked = pair.first.kind == TEST or pair.first.key == "[]" or pair.first.method == "get"
        severity = Severity.MEDIUM if pair.initial else Severity.HIGH
        return ("IS110" if asked else "IS103"), severity
    if pair.initial:
        return "IS111", Severity.MEDIUM
    if issubclass(track.kind, dict):
        return "IS101", Severity.HIGH
    return ("IS105" if issubclass(track.kind, type) else "IS104"), Severity.HIGH


def _words(where: str, pair: Pair) -> tuple[str, str]:
    if pair.initial and pair.second.item:
        return f"`{where}` is looked for, and made if it is missing", (
            "two requests can both find nothing there, and one of the two results is lost"
        )
    if pair.initial:
        return f"`{where}` is made by whoever comes first", (
            "two requests can both come first, and make two of what there should be one of"
        )
    if pair.first.kind == TEST:
        return f"`{where}` is tested, and then changed", (
            "what was tested may no longer be so when it is changed"
        )
    return f"`{where}` is read, and then written", (
        "two requests can read the same value, and the change of one of them is lost"
    )


def _own(where: str, pair: Pair, names: list[str]) -> Candidate:
    return Candidate(
        "IS140",
        Severity.MEDIUM,
        where,
        f"`{where}` is written, and read again by the same request",
        "a request can read what another one has written there in the meantime",
        pair.first,
        pair.second,
        requests=names,
    )


def _several_locks(where: str, pair: Pair, names: list[str], held: list[str]) -> Candidate:
    return Candidate(
        "IS113",
        Severity.HIGH,
        where,
        f"`{where}` is changed by requests that hold different locks",
        "two locks keep nobody apart: the change of one of them is lost",
        pair.first,
        pair.second,
        (held, held),
        list(dict.fromkeys(names)),
    )


def _torn(name: str | None, track: Track, locks: dict[int, tuple[Any, str]]) -> Iterator[Candidate]:
    """Keys that belong together, read one by one by somebody who takes no lock."""
    if name is not None or track.torn is None or track.together is None:
        return
    read, reader, keys = track.torn
    site, held, written = track.together
    if len(keys & written) > 1:
        where = _location(None, track, read).rpartition("[")[0]
        title = f"`{where}` is changed in several steps under a lock, and read without it"
        says = "a request can read it between two of the steps"
        texts: tuple[list[str], list[str]] = ([], _named(held, locks))
        yield Candidate("IS113", Severity.MEDIUM, where, title, says, read, site, texts, [reader])


def _late(
    where: str, pair: Pair, held: Locks, names: list[str], locks: dict[int, tuple[Any, str]]
) -> Candidate:
    return Candidate(
        "IS113",
        Severity.MEDIUM,
        where,
        f"`{where}` is read again after its lock was given back",
        "the value may be another request's by then, so two requests can answer the same",
        pair.first,
        pair.second,
        ([], _named(held, locks)),
        names,
    )


def _mixed(
    where: str, pair: Pair, site: Site, names: list[str], texts: tuple[list[str], list[str]]
) -> Candidate:
    return Candidate(
        "IS113",
        Severity.MEDIUM,
        where,
        f"`{where}` is changed under a lock here, and without that lock there",
        "the lock keeps nobody out who does not take it: a change can be lost",
        pair.second,
        site,
        texts,
        list(dict.fromkeys(names)),
    )


def _twice(
    name: str | None, track: Track, locks: dict[int, tuple[Any, str]]
) -> Iterator[Candidate]:
    for pair, (held, names, _) in track.twice.items():
        for site, others, other in track.changes.values():
            if held & others or pair.second.method == "get" or pair.first.key == "[]":
                continue
            where = _location(name, track, pair.second)
            title = f"`{where}` is tested, and then read again"
            says = "it may be something else, or gone, when it is read the second time"
            rule = "IS110" if name is None else "IS112"
            both = list(dict.fromkeys([*names, other]))
            texts = _texts(held, others, locks)
            made = Candidate(
                rule, Severity.MEDIUM, where, title, says, pair.first, pair.second, texts, both
            )
            made.also = site
            yield made
            break


def _bindings(
    name: str | None, track: Track, locks: dict[int, tuple[Any, str]]
) -> Iterator[Candidate]:
    """What one request binds anew and another one reads: one step each, so little can go wrong."""
    if name is None or track.actors < 2:
        return
    for look, held, reader in track.looks.values():
        for site, others, writer in track.changes.values():
            if held & others or reader == writer:
                continue
            where = _location(name, track, site)
            title = f"`{where}` is bound by one request and read by others"
            says = "a request may see the old or the new value; each worker process has its own"
            texts = _texts(held, others, locks)
            rule = "IS102" if issubclass(track.kind, dict) else "IS104"
            yield Candidate(
                rule, Severity.LOW, where, title, says, look, site, texts, [reader, writer]
            )
            return


def _loops(track: Track, locks: dict[int, tuple[Any, str]]) -> Iterator[Candidate]:
    if not issubclass(track.kind, RESIZED):
        return
    for loop, held, name in track.loops.values():
        for site, others, other in track.resizes.values():
            if held & others:
                continue
            where = _location(None, track, loop)
            title = f"a loop runs over `{where}` while other requests add to it or remove"
            kind = track.kind.__name__
            says = f"the loop ends in “RuntimeError: {kind} changed size during iteration”"
            names = list(dict.fromkeys([name, other]))
            both = _texts(held, others, locks)
            yield Candidate("IS114", Severity.HIGH, where, title, says, loop, site, both, names)
            break
