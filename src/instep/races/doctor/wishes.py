"""Which requests are made: those that reach the state, guessed from routes or given by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from instep.races.checking.report import Entry
from instep.races.doctor.diagnosis import Trouble
from instep.races.exploring.asking import parse
from instep.races.exploring.guessing import PARAMETER, fields_of, known_keys, request, source_of
from instep.races.reading.model import Role
from instep.races.rules.finding import Finding, Reached

MOST_PAIRS = 6
"""Pairs of requests that are tried for one piece of state."""

BRIEF = 70
"""Characters of a request that are shown in a sentence."""

CHANGING = ("POST", "PUT", "PATCH", "DELETE")


def requests(entries: Sequence[Entry], root: Path, given: Sequence[str] = ()) -> tuple[str, ...]:
    """The requests that reach a piece of state, those that change something first.

    Args:
        entries: the findings about it.
        root: the folder that the paths of findings are relative to.
        given: requests by hand, which take the place of guessed ones with the same route.
    """
    views: dict[str, Reached] = {}
    for entry in entries:
        for actor in entry.actors:
            if actor.role in (Role.VIEW, ""):
                views |= dict.fromkeys(actor.routes, actor)
    paths = list(dict.fromkeys(root / path for entry in entries for path in _paths(entry.finding)))
    name = entries[0].finding.location.name
    keys = [key for path in paths for key in known_keys(source_of(path), name)]
    made: list[str] = []
    for route, actor in views.items():
        if "/" not in route:  # a plain WSGI callable, which answers everything
            made += given or ["GET /"]
            continue
        by_hand = [each for each in given if fits(each, route)]
        fields = fields_of([Path(actor.path), *paths], actor.name)
        made += by_hand or [request(route, keys=keys, fields=fields)]
    if not made:  # a hook reaches every view: what was given is as good as any
        made = list(given) or (["GET /"] if _hooked(entries) else [])
    return tuple(sorted(dict.fromkeys(made), key=lambda text: not text.startswith(CHANGING)))


def _paths(finding: Finding) -> list[str]:
    places = [
        finding.place,
        finding.read,
        *finding.writes,
        *(one.place for one in finding.accesses),
    ]
    return [place.path for place in places if place is not None]


def _hooked(entries: Sequence[Entry]) -> bool:
    return any(actor.role == Role.HOOK for entry in entries for actor in entry.actors)


def pairs(trouble: Trouble) -> list[tuple[str, str]]:
    """Which requests go together: what changes something with itself, then with the others."""
    made = trouble.requests
    changing = [each for each in made if each.startswith(CHANGING)] or list(made)
    found = [(each, each) for each in changing]
    found += [pair for pair in combinations(made, 2) if pair[0] in changing]
    return found[:MOST_PAIRS]


def brief(text: str) -> str:
    """A request, cut where it is too long to be read.

    Example:
        >>> brief("GET /"), len(brief("POST / " + "x" * 500))
        ('GET /', 70)
    """
    return text if len(text) <= BRIEF else f"{text[: BRIEF - 1]}…"


def fits(text: str, route: str) -> bool:
    """Whether a request that was given is one for a route.

    Example:
        >>> fits("POST /order/3 {}", "POST /order/<int:id>"), fits("/", "GET /a")
        (True, False)
    """
    method, _, path = route.rpartition(" ")
    asked = parse(text)
    pattern = "".join(
        "[^/]+" if index % 4 else re.escape(part)
        for index, part in enumerate(PARAMETER.split(path))
        if index % 4 in (0, 1)
    )
    plain = asked.path.partition("?")[0]
    return asked.method == (method or "GET") and re.fullmatch(pattern, plain) is not None
