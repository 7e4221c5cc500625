"""What a check found, in the form that every output is made from: text, JSON, SARIF, GitHub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..reading.model import Broken
from ..rules.finding import Finding, Reached, Severity

ORDER = tuple(Severity)
"""From the worst to the least."""


@dataclass(frozen=True, slots=True)
class Site:
    """A piece of one line of the source, as editors count.

    Args:
        path: of the file, as people know it.
        line: from 1.
        column: from 1, in characters.
        end_column: the first character after it.
        function: the dotted name of the function around it.
        kind: what happens there: `read`, `write`, `update`, `test`, `iterate`, `call` or `defined`.
        label: the same in a few words, with the locks that are held.
    """

    path: str
    line: int
    column: int
    end_column: int
    function: str
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding, ready to be told.

    Args:
        finding: as the rule made it; its paths are those that were read.
        name: of the rule.
        object: the dotted name of the state.
        site: where to look first.
        sites: that one, where it is read or tested, and the other writes.
        defined: where the state comes from, if that was seen.
        also: what else is wrong with it: the rule, in words, and where.
        actors: who reaches it.
        fingerprint: stays the same when lines move.
    """

    finding: Finding
    name: str
    object: str
    site: Site
    sites: tuple[Site, ...]
    defined: Site | None
    also: tuple[tuple[str, str, Site], ...]
    actors: tuple[Reached, ...]
    fingerprint: str

    @property
    def severity(self) -> Severity:
        """High, medium or low."""
        return self.finding.severity


@dataclass(frozen=True, slots=True)
class Silenced:
    """A finding that somebody has looked at before.

    Args:
        entry: the finding.
        by: `comment` or `baseline`.
        reason: what the comment gives as one; may be empty.
    """

    entry: Entry
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What should be said beside the findings.

    Args:
        kind: `unknown` (an id that is none), `unused` (a comment that silences nothing), `stale`
            (an entry of the baseline that is no more), `actors` (nothing was seen to run),
            `unfinished` (a module or view longer than one is followed).
        text: in words.
        path: of the file it is about; may be empty.
        line: from 1; 0 for the whole file.
    """

    kind: str
    text: str
    path: str = ""
    line: int = 0


@dataclass(slots=True)
class Report:
    """All that a check has to say.

    Args:
        findings: what counts, the worst object first.
        below: how many more there are of each severity that does not count.
        silenced: what a comment or the baseline took out.
        broken: files that could not be read.
        notes: see `Note`.
        files: how many were read.
        lines: how many they have.
        actors: how many views, hooks and background jobs were seen.
        seconds: how long it took.
        sources: the lines of the files that findings are in.
    """

    findings: list[Entry] = field(default_factory=list)
    below: dict[Severity, int] = field(default_factory=dict)
    silenced: list[Silenced] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    files: int = 0
    lines: int = 0
    actors: int = 0
    seconds: float = 0.0
    sources: dict[str, list[str]] = field(default_factory=dict)

    def objects(self) -> Iterator[list[Entry]]:
        """The findings that are about the same piece of state, together."""
        groups: dict[str, list[Entry]] = {}
        for entry in self.findings:
            groups.setdefault(entry.object, []).append(entry)
        yield from groups.values()
