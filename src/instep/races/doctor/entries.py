"""Finds `command: …` and its like in a YAML file, line by line; this is no reader of YAML.

A value stands on the line of its key, or in the deeper lines below it. That is how commands are
written in practice; what is written in another way is not found, and then nothing is said of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_KEY = r"^(?P<indent>[ ]*(?:-[ ]+)?)(?P<key>{names})[ ]*:(?:[ ]+(?P<rest>.*))?$"
_COMMENT = re.compile(r"(^|\s)#[^\"']*$")


def entries(text: str, names: str) -> Iterator[tuple[int, str, str]]:
    """The line, the key and the value of some keys, wherever they stand.

    Args:
        text: of the file.
        names: of the keys, with `|` between.

    Example:
        >>> list(entries("web:\\n  command:\\n    - serve\\n    - '4'", "command|run"))
        [(2, 'command', 'serve 4')]
    """
    pattern = re.compile(_KEY.format(names=names))
    lines = [_COMMENT.sub("", line).rstrip() for line in text.expandtabs(2).splitlines()]
    for number, line in enumerate(lines, 1):
        if match := pattern.match(line):
            indent = len(match["indent"])
            below = [] if _whole(match["rest"] or "") else _deeper(lines[number:], indent)
            if value := _value((match["rest"] or "").strip(), below):
                yield number, match["key"], value


def _whole(rest: str) -> bool:
    """Whether a value ends on the line on which it begins."""
    return rest.endswith(("]", '"', "'")) and rest[0] in "[\"'"


def _deeper(lines: list[str], indent: int) -> list[str]:
    found = []
    for line in lines:
        inside = len(line) - len(line.lstrip())
        if line.strip() and inside <= indent - (line.lstrip().startswith("- ")):
            break
        found.append(line.strip())
    return [line for line in found if line]


def _value(rest: str, below: list[str]) -> str:
    if below and all(line.startswith("- ") for line in below) and not rest:
        return " ".join(quoted(_bare(line[2:])) for line in below)
    if not rest and any(re.match(r"[\w-]+:(\s|$)", line) for line in below):
        return ""  # a mapping, whose keys are found by themselves
    text = " ".join([rest.lstrip("|>+-") if rest[:1] in "|>" else rest, *below]).strip()
    if text.startswith("[") and text.endswith("]"):
        return " ".join(quoted(_bare(word)) for word in _words(text))
    return _bare(text)


def _words(text: str) -> list[str]:
    try:
        return [str(word) for word in json.loads(text)]
    except ValueError:
        return [word.strip() for word in text[1:-1].split(",") if word.strip()]


def _bare(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def quoted(word: object) -> str:
    """A word for a shell; variables in it stay variables, as entry points expand them later.

    Example:
        >>> quoted("a b"), quoted("$PORT")
        ('"a b"', '$PORT')
    """
    text = str(word)
    return '"' + text.replace('"', '\\"') + '"' if re.search(r"[\s;&|()'\"]", text) else text
