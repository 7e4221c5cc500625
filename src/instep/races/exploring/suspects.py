"""What `instep check` suspects, as lines to switch at and requests to make."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from instep.errors import Misuse
from instep.races.checking import findings_in
from instep.races.exploring.asking import Asked, parse
from instep.races.exploring.plan import Exploration

Found = Mapping[str, Any]
"""A finding, as the JSON of `instep check` has it."""

ROUTE = re.compile(r"^([A-Z]+) (/[^<>\s]*)$")
MOST = 12
"""So many pairs of requests are explored."""


def read(path: Path) -> list[Found]:
    """The findings of a file.

    Raises:
        Misuse: it cannot be read, is something else, or there is nothing in it.
    """
    found: list[Found] = list(findings_in(path))
    if not found:
        raise Misuse(f"{path}: no findings in it, so there is nothing to confirm")
    return found


def lines(found: Sequence[Found]) -> frozenset[tuple[str, int]]:
    """Path and line of every place of the findings."""
    return frozenset(line for finding in found for line in of(finding))


def of(finding: Found) -> set[tuple[str, int]]:
    """Path and line of every place of one finding."""
    places = [finding, *finding.get("sites", [])]
    return {
        (os.path.realpath(place["path"]), place["line"])
        for place in places
        if place.get("path") and place.get("line")
    }


def pairs(found: Sequence[Found]) -> list[list[Asked]]:
    """Pairs of requests that reach what is suspected, those of the first findings first.

    Raises:
        Misuse: no route can be asked as it stands.
    """
    made: dict[tuple[str, str], list[Asked]] = {}
    for finding in found:
        routes = _routes(finding)
        for route in routes:
            made.setdefault((route, route), [parse(route)] * 2)
        for first, second in pairwise(routes):
            made.setdefault((first, second), [parse(first), parse(second)])
    if not made:
        raise Misuse(
            "none of the findings is reached by a route without parameters; name the requests: "
            '"POST /order/7 n=1"'
        )
    return list(made.values())[:MOST]


def _routes(finding: Found) -> list[str]:
    """Routes that need no parameter."""
    found = []
    for actor in finding.get("actors", []):
        for route in actor.get("routes", []):
            match = ROUTE.match(route if " " in route else f"GET {route}")
            if match and match.group(0) not in found:
                found.append(match.group(0))
    return found


def confirmed(found: Sequence[Found], result: Exploration) -> list[str]:
    """Fingerprints of the findings that a violation runs through."""
    if result.violation is None:
        return []
    told = {(os.path.realpath(line.path), line.line) for line in result.violation.run.story}
    return [str(finding.get("fingerprint", "")) for finding in found if of(finding) & told]
