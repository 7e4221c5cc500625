"""Reads shell command lines without running them: words, variables, and the few sums people write.

How it stays right. Nothing is executed. A variable takes its value from the project's own files, or
the default that the line itself gives; what stays unknown is a word of its own and is said, so that
a number is never made up.
"""

import ast
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from instep.races.doctor.expressions import Unknown, evaluate

UNSET = "?"
"""Stands for a variable that the project's files do not set."""

SEPARATORS = frozenset({"&&", "||", ";", "|", "&", ";;", "(", ")"})

_CORES = re.compile(r"\$\((?:nproc|getconf _NPROCESSORS_ONLN)[^)]*\)|`nproc`")
_SUM = re.compile(r"\$\(\(([^()]*(?:\([^()]*\)[^()]*)*)\)\)")
_OUTPUT = re.compile(r"\$\([^()]*\)|`[^`]*`")
_VARIABLE = re.compile(
    r"\$\{(?P<braced>\w+)(?:(?P<how>:?[-=])(?P<default>[^}]*))?[^}]*\}|\$(?P<bare>\w+)"
)
_REDIRECTION = re.compile(r"\d*(?:>>?|<)(?:&\d)?")


@dataclass(slots=True)
class Reader:
    """Splits lines into commands.

    Args:
        variables: what is known of the environment.
        cores: how many processors are assumed.
        notes: what had to be assumed, in sentences.

    Example:
        >>> Reader({"PORT": "80"}).commands("cd /app && exec serve -w ${WORKERS:-4} :$PORT")
        [['cd', '/app'], ['exec', 'serve', '-w', '4', ':80']]
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    cores: int = 1
    notes: list[str] = field(default_factory=list)

    def commands(self, line: str) -> list[list[str]]:
        """The simple commands of a line; none if its quotes do not close."""
        lexer = shlex.shlex(self.expanded(line), posix=True, punctuation_chars="();&|")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        found: list[list[str]] = [[]]
        try:
            for word in lexer:
                if word in SEPARATORS:
                    found.append([])
                else:
                    found[-1].append(word)
        except ValueError:
            return []
        return [words for words in map(_without_redirections, found) if words]

    def expanded(self, text: str) -> str:
        """A text with its variables, sums and the number of processors put in."""
        if _CORES.search(text):
            self.note(f"the number of processors is taken from this machine: {self.cores}")
            text = _CORES.sub(str(self.cores), text)
        text = _SUM.sub(self._sum, text)
        text = _OUTPUT.sub("", text)
        return _VARIABLE.sub(self._variable, text)

    def note(self, sentence: str) -> None:
        """Keep what was assumed, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _variable(self, match: re.Match[str]) -> str:
        name, default = match["braced"] or match["bare"], match["default"]
        if name in self.variables:
            return self.variables[name]
        if default is not None:
            if name not in _UNIMPORTANT:
                self.note(f"{name} is not set in the project's files; its default is {default!r}")
            return self.expanded(default)
        if name not in _UNIMPORTANT:
            self.note(f"{name} is not set in the project's files")
        return UNSET

    def _sum(self, match: re.Match[str]) -> str:
        """`$((2 * n + 1))`: variables stand in it with or without the dollar sign."""
        text = _VARIABLE.sub(self._variable, match[1])
        names: dict[str, object] = {
            name: int(value) for name, value in self.variables.items() if value.isdigit()
        }
        try:
            return str(evaluate(ast.parse(text.strip(), mode="eval").body, names))
        except (SyntaxError, Unknown):
            self.note(f"the sum {match[0]} could not be worked out")
            return ""


_UNIMPORTANT = frozenset({"PORT", "HOST", "BIND", "HOME", "PWD", "PATH", "LOG_LEVEL", "0", "1"})
"""Variables that say nothing of how many requests run at once."""


def _without_redirections(words: list[str]) -> list[str]:
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif match := _REDIRECTION.match(word):
            skip = match.end() == len(word) and not word.endswith(("1", "2"))
        else:
            kept.append(word)
    return kept


def joined(text: str) -> list[tuple[int, str]]:
    """The lines of a script or file, numbered from 1, with those that end in a backslash joined."""
    found: list[tuple[int, str]] = []
    begin, parts = 0, []
    for number, line in enumerate(text.splitlines(), 1):
        begin = begin or number
        if line.rstrip().endswith("\\"):
            parts.append(line.rstrip()[:-1])
            continue
        found.append((begin, " ".join([*parts, line])))
        begin, parts = 0, []
    return [*found, (begin, " ".join(parts))] if parts else found
