"""Reads a small program from a string and says what its actors do, a line for each access."""

from dataclasses import dataclass, field
from pathlib import Path

from instep.races.reading import read
from instep.races.reading.model import Access, Program

FLASK = """
from flask import Flask, Blueprint, request, session, g, jsonify, abort, current_app
import threading
app = Flask(__name__)
"""


@dataclass
class Case:
    """A program, and what one of its actors must be seen to do.

    Args:
        name: of the case.
        source: of the module `shop`.
        actor: the last part of its name.
        does: accesses that must be there.
        never: accesses that must not be there.
        others: other modules, `__` for a slash in their names.
    """

    name: str
    source: str
    actor: str
    does: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    others: dict[str, str] = field(default_factory=dict)

    def check(self, folder: Path) -> None:
        """Read the program and compare."""
        seen = does(program(folder, self.source, **self.others), self.actor)
        assert [one for one in self.does if one not in seen] == [], seen
        assert [one for one in self.never if one in seen] == [], seen


def program(folder: Path, source: str, **others: str) -> Program:
    """Read a program of one module, `shop`, and others beside it."""
    (folder / "shop.py").write_text(source)
    for name, text in others.items():
        target = folder / (name.replace("__", "/") + ".py")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return read([folder], root=folder)


def said(access: Access) -> str:
    """An access in a few words: `write ORDERS[] 'n' = under lock`."""
    words = [str(access.kind), str(access.location)]
    words += [access.key] if access.key else []
    held = sorted({hold.lock.name.rpartition(".")[2] for hold in access.held})
    words += ["under " + ", ".join(held)] if held else []
    return " ".join(words)


def does(read_program: Program, name: str) -> list[str]:
    """What the actor whose name ends so does."""
    found = [one for one in read_program.actors if one.name.rpartition(".")[2] == name]
    assert found, [one.name for one in read_program.actors]
    return [said(access) for access in found[0].trace]


def trace(read_program: Program, name: str) -> list[Access]:
    """The accesses of the actor whose name ends so."""
    return next(one for one in read_program.actors if one.name.rpartition(".")[2] == name).trace
