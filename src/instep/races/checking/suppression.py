"""Which findings a comment silences, and which comments silence nothing.

On the line where the state is defined, or where it is read, a comment silences the whole finding.
On a write it speaks of that write alone: when others are left, the finding moves to the next, so
that one comment does not hide what somebody adds a year later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..rules import RULES
from .comments import Ignore, ignores
from .config import unknown
from .report import Entry, Note, Silenced, Site
from .sites import CALL

READS = ("read", "test", "iterate")


class Comments:
    """The ignore comments of a program.

    Args:
        files: the lines of each, by the name that is shown.
    """

    def __init__(self, files: Mapping[str, Sequence[str]]) -> None:
        found = {path: ignores(lines) for path, lines in files.items()}
        self._ignores = {path: some for path, some in found.items() if some}
        self._used: set[tuple[str, Ignore]] = set()

    def judge(self, entry: Entry) -> Entry | Silenced:
        """What is left of a finding."""
        accesses = [site for site in entry.sites if site.kind != CALL]
        writes = [site for site in accesses if site.kind not in READS]
        written = {(site.path, site.line) for site in writes}
        reads = [site for site in accesses if (site.path, site.line) not in written]
        for site in filter(None, (entry.defined, *reads)):
            if comment := self._covering(site, entry):
                return Silenced(entry, "comment", comment.reason)
        comments = {site: comment for site in writes if (comment := self._covering(site, entry))}
        if not comments:
            return entry
        left = [site for site in writes if site not in comments]
        if not left:
            reasons = [comment.reason for comment in comments.values()]
            return Silenced(entry, "comment", next(filter(None, reasons), ""))
        sites = tuple(site for site in entry.sites if site not in comments)
        return replace(entry, site=entry.site if entry.site in sites else left[0], sites=sites)

    def notes(self, rules: set[str]) -> Iterator[Note]:
        """What to say of the comments themselves, after all findings were judged.

        Args:
            rules: the ids that were asked; a comment about another is not called unused.
        """
        for path, comments in self._ignores.items():
            for comment in comments:
                wrong = sorted((comment.ids or set()) - RULES.keys())
                for word in wrong:
                    yield Note("unknown", unknown(word), path, comment.line)
                if comment.ids is not None and not comment.ids:
                    yield Note("unknown", "there is no id in the brackets", path, comment.line)
                asked = comment.ids is None or comment.ids & rules
                if asked and not wrong and (path, comment) not in self._used:
                    yield Note("unused", _unused(comment), path, comment.line)

    def _covering(self, site: Site, entry: Entry) -> Ignore | None:
        for comment in self._ignores.get(site.path, ()):
            if comment.covers(site.line, entry.finding.rule):
                self._used.add((site.path, comment))
                return comment
        return None


def _unused(comment: Ignore) -> str:
    what = ", ".join(sorted(comment.ids)) if comment.ids else "anything"
    return f"this comment silences nothing: {what} is not found here"
