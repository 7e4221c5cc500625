"""From findings to entries: places become pieces of lines.

How it stays right. `ast` counts columns in bytes of UTF-8, people and editors count characters; a
line that is not ASCII is counted again here, once, and nothing after this knows of bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from ..reading.model import Access, Kind, Location, Place, Program
from ..rules import RULES
from ..rules.finding import Finding
from .fingerprint import fingerprint
from .report import Entry, Site

LABELS = {
    Kind.READ: "read",
    Kind.WRITE: "written",
    Kind.UPDATE: "changed",
    Kind.TEST: "tested",
    Kind.ITERATE: "iterated over",
}
CALL = "call"
"""The kind of a site that is no access, but leads to some."""
_NAME = re.compile(r"\w+(?:\.\w+)*")
_STEP = re.compile(r"\.\w+")
_WORDS = {"if", "elif", "for", "while", "with", "del", "return", "global", "not", "async", "await"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Telling:
    """Makes entries of the findings of one program.

    Args:
        program: that the findings are about.
        shown: gives the path of a file as people know it.
    """

    def __init__(self, program: Program, shown: Callable[[str], str]) -> None:
        self._files: Mapping[str, Sequence[str]] = program.files
        self._defined = _definitions(program)
        self._shown = shown

    def entry(self, finding: Finding) -> Entry:
        """One finding, ready to be told."""
        places = {finding.place: "write"}
        if finding.read is not None:
            places.setdefault(finding.read, "read")
        for place in finding.writes:
            places.setdefault(place, "write")
        sites = [self._site(place, kind, finding) for place, kind in places.items()]
        sites += [self.site(place, CALL, "called here") for place in finding.calls]
        defined = self._definition(finding.location)
        return Entry(
            finding=finding,
            name=RULES[finding.rule].name,
            object=name_of(finding.location),
            site=sites[0],
            sites=tuple(sites),
            defined=self.site(defined, "defined", "defined here") if defined else None,
            also=tuple(
                (also.rule, also.title, self.site(also.place, "also", "")) for also in finding.also
            ),
            actors=tuple(replace(one, path=self._shown(one.path)) for one in finding.reached),
            fingerprint=fingerprint(finding, self._line(finding.place)),
        )

    def _definition(self, location: Location) -> Place | None:
        """Where a variable or an attribute is bound first; else, what the attribute belongs to."""
        fields = tuple(takewhile(lambda step: step.startswith("."), location.path))
        for path in (fields, ()):
            known = Location(location.root, location.owner, location.name, path)
            if known in self._defined:
                return self._defined[known]
        return None

    def site(self, place: Place, kind: str, label: str) -> Site:
        """A piece of a line."""
        line = self._line(place)
        begin = _characters(line, place.column)
        end = _end(line, begin, place)
        return Site(
            self._shown(place.path), place.line, begin + 1, end + 1, place.function, kind, label
        )

    def _site(self, place: Place, kind: str, finding: Finding) -> Site:
        access = _access(finding, place, kind)
        if access is None:
            return self.site(place, kind, f"{'read' if kind == 'read' else 'written'} here")
        return self.site(place, str(access.kind), _label(access))

    def _line(self, place: Place) -> str:
        lines = self._files.get(place.path, ())
        text = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
        return text.removeprefix("\ufeff").rstrip("\r\n")


def name_of(location: Location) -> str:
    """The dotted name of a piece of state, without the items inside of it."""
    fields = takewhile(lambda step: step.startswith("."), location.path)
    return ".".join(part for part in (location.owner, location.name) if part) + "".join(fields)


def _definitions(program: Program) -> dict[Location, Place]:
    """Where each piece of state is bound first, as far as that was seen."""
    made = {replace(made.location, path=()): made.place for made in program.made}
    return {**made, **program.defined}


def _access(finding: Finding, place: Place, kind: str) -> Access | None:
    """What happens at a place; if several things do, the one that is meant."""
    here = [access for access in finding.accesses if access.place == place]
    reads = (Kind.READ, Kind.TEST, Kind.ITERATE)
    meant = [access for access in here if (access.kind in reads) == (kind == "read")]
    return next(iter(meant or here), None)


def _label(access: Access) -> str:
    if access.number < 0:  # no step of anybody, but where the rule says that a thing came from
        return "started here" if access.value == "started" else "made here"
    label = "counted here" if access.method == "len" else f"{LABELS[access.kind]} here"
    locks = sorted({hold.lock.name for hold in access.held if not hold.lock.private})
    return f"{label}, holding {' and '.join(f'`{lock}`' for lock in locks)}" if locks else label


def _characters(line: str, column: int) -> int:
    """A column in characters, of one in bytes."""
    if line.isascii():
        return min(column, len(line))
    return len(line.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "ignore"))


def _end(line: str, begin: int, place: Place) -> int:
    """Where the marked piece ends: where the place says, or as far as the expression goes."""
    known = getattr(place, "end_column", -1)
    if known > 0 and place.end_line == place.line:
        return max(begin + 1, _characters(line, known))
    word = _NAME.match(line, begin)
    if word is None or word[0] in _WORDS:
        return max(begin + 1, len(_code(line).rstrip()))
    return _trailers(line, word.end())


def _trailers(line: str, end: int) -> int:
    """The end of what follows a name: `[key]`, `(…)`, `.attribute`."""
    while end < len(line):
        if line[end] in "[(":
            end = _closed(line, end)
        elif step := _STEP.match(line, end):
            end = step.end()
        else:
            break
    return end


def _closed(line: str, begin: int) -> int:
    """The end of what a bracket opens; the end of the line if it is not closed there."""
    open_ones: list[str] = []
    for index in range(begin, len(line)):
        if line[index] in _CLOSING:
            open_ones.append(_CLOSING[line[index]])
        elif open_ones and line[index] == open_ones[-1]:
            open_ones.pop()
            if not open_ones:
                return index + 1
    return len(line)


def _code(line: str) -> str:
    """A line without the comment at its end, as far as that can be told from the line alone."""
    return line.partition("  #")[0]
