"""`# instep: ignore[IS103] reason`: what the source says that it knows of.

How it stays right. A comment is what Python's own tokenizer calls one, so the same words in a
string silence nothing. It speaks of the statement that it stands in, however many lines that has;
on a line of its own, of the statement that comes next.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_IGNORE = re.compile(r"#\s*instep:\s*ignore(?![\w-])(?:\s*\[(?P<ids>[^\]]*)\])?(?P<reason>[^#]*)")
_SKIPPED = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment.

    Args:
        line: where it stands.
        first: the first line of the statement that it speaks of.
        last: the last one.
        ids: of the rules that it silences; None for all.
        reason: what it gives as one.
    """

    line: int
    first: int
    last: int
    ids: frozenset[str] | None
    reason: str

    def covers(self, line: int, rule: str) -> bool:
        """Whether it silences a rule on a line."""
        return self.first <= line <= self.last and (self.ids is None or rule in self.ids)


def ignores(lines: Sequence[str]) -> list[Ignore]:
    """All such comments of a file.

    Args:
        lines: of its source.

    Example:
        >>> ignores(["n = 0  # instep: ignore[IS101] one process"])[0].reason
        'one process'
    """
    if not any("instep:" in line and _IGNORE.search(line) for line in lines):
        return []
    return list(_ignores(lines))


def _ignores(lines: Sequence[str]) -> Iterator[Ignore]:
    waiting: list[tuple[int, re.Match[str]]] = []
    first = last = 0
    for token in _tokens(lines):
        if token.type == tokenize.COMMENT:
            if match := _IGNORE.search(token.string):
                waiting.append((token.start[0], match))
        elif token.type == tokenize.NEWLINE:
            yield from (_made(line, match, first, token.start[0]) for line, match in waiting)
            waiting, first = [], 0
        elif token.type not in _SKIPPED:
            first = first or token.start[0]
            last = token.end[0]
    yield from (_made(line, match, first or line, max(last, line)) for line, match in waiting)


def _tokens(lines: Sequence[str]) -> Iterator[tokenize.TokenInfo]:
    """The tokens of a file, as far as they can be told."""
    source = (line.rstrip("\r\n") + "\n" for line in lines)
    try:
        yield from tokenize.generate_tokens(lambda: next(source, ""))
    except (tokenize.TokenError, SyntaxError):
        return


def _made(line: int, match: re.Match[str], first: int, last: int) -> Ignore:
    ids = match["ids"]
    named = None if ids is None else frozenset(ids.replace(",", " ").upper().split())
    return Ignore(line, first, last, named, match["reason"].strip(" \t:-"))
