"""A shape of programs that people write: a racy one and its sound twin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reading_helper import FLASK, program

from instep.races.rules import find
from instep.races.rules.finding import Severity


@dataclass
class Shape:
    """A racy program and its twin.

    Args:
        name: of the shape.
        expected: rule, severity and state of one finding of the racy one.
        racy: source of the module `shop`.
        sound: the same, in which no high or medium finding is about that state.
        more: other files, by name.
    """

    name: str
    expected: tuple[str, str, str]
    racy: str
    sound: str
    more: dict[str, str] | None = None

    def found(self, folder: Path, source: str) -> set[tuple[str, str, str]]:
        """What is found in one of the two: rule, severity and state."""
        for name, text in (self.more or {}).items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        findings = find(program(folder, FLASK + source))
        return {
            (one.rule, one.severity.value, str(one.location))
            for one in findings
            if one.severity is not Severity.LOW
        }
