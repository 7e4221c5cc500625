"""What `instep check` suspects, as lines to switch at and requests to make."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from instep.errors import Misuse
from instep.races.exploring import guessing
from instep.races.exploring.asking import Asked, parse
from instep.races.exploring.plan import Exploration

Found = dict[str, Any]
"""A finding, as the JSON of `instep check` has it, with absolute paths."""

MOST = 12
"""So many pairs of requests are explored."""


def read(path: Path, folder: Path = Path()) -> list[Found]:
    """The findings of a file.

    Args:
        path: of the file.
        folder: where the program runs; paths are relative to here, or else to it.

    Raises:
        Misuse: it cannot be read, is something else, or there is nothing in it.
    """
    from instep.races.checking import findings_in  # it is large, and asked for here alone

    found: list[Found] = list(findings_in(path))
    if not found:
        raise Misuse(f"{path}: no findings in it, so there is nothing to confirm")
    for finding in found:
        for place in (finding, *finding["sites"], *finding["actors"]):
            here = Path(place.get("path", ""))
            place["path"] = os.path.realpath(here if here.exists() else folder / here)
    return found


def lines(found: Sequence[Found]) -> frozenset[tuple[str, int]]:
    """Path and line of every place of the findings."""
    return frozenset(line for finding in found for line in of(finding))


def of(finding: Found) -> set[tuple[str, int]]:
    """Path and line of every place of one finding at which something is done with its state."""
    sites = (site for site in finding["sites"] if site.get("kind") != "call")
    return {(place["path"], place["line"]) for place in (finding, *sites)}


def pairs(found: Sequence[Found]) -> list[list[Asked]]:
    """Pairs of requests that reach what is suspected, those of the first findings first.

    Raises:
        Misuse: no route can be asked as it stands.
    """
    made: dict[tuple[str, str], list[Asked]] = {}
    for finding in found:
        requests = _requests(finding)
        for request in requests:
            made.setdefault((request, request), [parse(request)] * 2)
        for first, second in pairwise(requests):
            made.setdefault((first, second), [parse(first), parse(second)])
    if not made:
        raise Misuse(
            'none of the findings is reached by a route; name the requests: "POST /order/7 n=1"'
        )
    return list(made.values())[:MOST]


def _requests(finding: Found) -> list[str]:
    """One for each route: with the parameters and the fields that its view seems to need."""
    paths = sorted({Path(path) for path, _ in of(finding)})
    name = str(finding["location"]).rpartition(".")[2]
    keys = [key for path in paths for key in guessing.known_keys(guessing.source_of(path), name)]
    found: dict[str, None] = {}
    for actor in finding["actors"]:
        fields = guessing.fields_of([Path(actor["path"]), *paths], actor["name"])
        for route in actor["routes"]:
            if "/" in route:
                found[guessing.request(route, keys=keys, fields=fields)] = None
    return list(found)


def confirmed(found: Sequence[Found], result: Exploration) -> list[str]:
    """Fingerprints of the findings that a violation runs through."""
    if result.violation is None:
        return []
    told = {(os.path.realpath(line.path), line.line) for line in result.violation.run.story}
    return [str(finding.get("fingerprint", "")) for finding in found if of(finding) & told]
