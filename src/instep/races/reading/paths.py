"""Paths that are put together: what of a text is known, and where something unknown stands.

How it stays right. `f"data/{user}.json"`, `"data/%s.json" % user` and `"data/" + user + ".json"`
are one place, `data/*.json`, whose files have a part of their own; which one is meant, the words
of that part tell.
"""

from __future__ import annotations

import ast
import re

from instep.races.reading.frames import words
from instep.races.reading.values import Constant, Template, Thing, Value

PATH = re.compile(r"(?!https?:)[^\s<>?=&,;()]*(/|\.\w{1,5}$)[^\s<>?=&,;()]*")
"""What a text may look like that is the path of a file."""
LONGEST = 500
"""Characters; a longer text is none."""


def may_be(text: str) -> bool:
    """Whether a text may be the path of a file."""
    return len(text) <= LONGEST and PATH.fullmatch(text) is not None


def piece(value: Value, node: ast.expr) -> str:
    """What is fixed in a part of a text, with a star for what is not."""
    known = value.constant()
    if isinstance(known, (str, int)) and not value.reads:
        return str(known)
    for thing in value.things:
        if isinstance(thing, Template):
            return thing.shape
    last = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return last if last.isupper() else "*"


def template(parts: list[str], node: ast.expr) -> tuple[Thing, ...]:
    """The path that pieces make; nothing, if they make none."""
    shape = "".join(parts)
    if "*" not in shape or " " in shape or not ("/" in shape or "." in shape):
        return ()
    if not may_be(shape):
        return ()
    return (Template(shape, words(node)),)


def put_together(node: ast.BinOp, left: Value, right: Value) -> tuple[Thing, ...]:
    """`a + b` and `"%s.json" % a`: a known text, or a path with unknown parts."""
    if not left.things and not right.things:
        return ()
    if isinstance(node.op, ast.Add):
        known = [left.constant(), right.constant()]
        if all(isinstance(one, str) for one in known):
            return (Constant(f"{known[0]}{known[1]}"),)
        return template([piece(left, node.left), piece(right, node.right)], node)
    known_left = left.constant()
    if isinstance(node.op, ast.Mod) and isinstance(known_left, str):
        return template([filled(known_left)], node)
    return ()


PLACES = re.compile(r"%\(?\w*\)?[sdi0-9]*[sd]|\{[^{}]*\}")
"""Where `%` and `format` put something in."""


def formatted(node: ast.Call) -> tuple[Thing, ...]:
    """`"data/{}.json".format(a)`."""
    target = node.func
    if isinstance(target, ast.Attribute) and target.attr == "format":
        text = target.value
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            return template([filled(text.value)], node)
    return ()


def filled(text: str) -> str:
    """A text in which stars stand for what is put in."""
    return PLACES.sub("*", text) if len(text) <= LONGEST else text
