"""Paths that are put together: what of a text is known, and where something unknown stands.

How it stays right. `f"data/{user}.json"`, `"data/%s.json" % user` and `"data/" + user + ".json"`
are one place, `data/*.json`, whose files have a part of their own; which one is meant, the words
of that part tell.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from instep.races.reading.frames import Frame, words
from instep.races.reading.values import NOTHING, Constant, Object, Template, Thing, Value

PATH = re.compile(r"(?!https?:)[^\s<>?=&,;()]*(/|\.\w{1,5}$)[^\s<>?=&,;()]*")
"""What a text may look like that is the path of a file."""
LONGEST = 500
"""Characters; a longer text is none."""


def may_be(text: str) -> bool:
    """Whether a text may be the path of a file."""
    return len(text) <= LONGEST and PATH.fullmatch(text) is not None


FIXED = re.compile(
    r"__file__|\b(os\.(environ|getenv|getcwd|curdir)|gettempdir|(root|instance)_path|config|Path\.home)\b"
)
"""What is the same for all requests, going by its words."""
MARK = "\0"
"""Stands around the name of a part that is always the same, whatever it is."""


def steady(node: ast.expr, frame: Frame) -> bool:
    """Whether a path is kept where all requests find it: in a global, or a shared object."""
    if isinstance(node, ast.Name):
        known = node.id in frame.module.names and node.id not in frame.module.rebound
        return known and (frame.scope is None or node.id not in frame.scope.local)
    receivers = frame.receiver.objects() if frame.receiver is not None else ()
    own = isinstance(node, ast.Attribute) and words(node.value) == "self"
    return own and any(one.home is not None for one in receivers)


def piece(value: Value, node: ast.expr, frame: Frame) -> str:
    """What is fixed in a part of a text, with a star for what is not."""
    known = value.constant()
    if isinstance(known, (str, int)) and not value.reads:
        return str(known)
    for thing in value.things:
        if isinstance(thing, Template):
            return thing.shape
    if value.kind == "request":
        return "*"
    last = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    if last.isupper() or (last and (value.kind == "constant" or steady(node, frame))):
        return f"{MARK}{last}{MARK}"
    return f"{MARK}.{MARK}" if FIXED.search(words(node)) else "*"


def settled(shape: str) -> str:
    """The name of a path: by its last part, if all else that is known is that it is the same."""
    last = shape.rpartition("/")[2]
    if MARK in shape and "*" not in shape and last and MARK not in last:
        return last
    return shape.replace(MARK, "")


def template(parts: list[str], node: ast.expr) -> tuple[Thing, ...]:
    """The path that pieces make; nothing, if they make none."""
    shape = "".join(parts)
    if not ("*" in shape or MARK in shape) or " " in shape or not ("/" in shape or "." in shape):
        return ()
    if not may_be(shape):
        return ()
    return (Template(shape, words(node)),)


def in_folder(folder: Value, last: Value, text: str, part: str) -> tuple[Thing, ...]:
    """`folder / f"{user}.json"`: a path whose last part is not known.

    Args:
        folder: what is known of it.
        last: what is known of the last part.
        text: the source of the folder.
        part: the source of the last part.
    """
    known = folder.constant() or text
    shapes = [one.shape for one in last.things if isinstance(one, Template)]
    shape = f"{str(known).rstrip('/')}/{settled((shapes or ['*'])[0])}"
    return (Template(shape, last.text or part),) if may_be(shape) else ()


def joined_path(left: Value, right: Value, node: ast.BinOp) -> Value:
    """`folder / "name"`: the path of a file, by its last part."""
    known = right.constant()
    things: tuple[Thing, ...] = (Constant(known),) if isinstance(known, str) else ()
    for thing in left.objects():
        if thing.what.startswith("pathlib."):
            if not things:
                folder, texts = thing.items.get(0, NOTHING), (words(node.left), words(node.right))
                things = in_folder(folder, right, *texts)
            made = Object(thing.what, thing.site, thing.born)
            made.items = {0: Value(things, right.reads, right.kind, right.text)}
            return Value((made,), left.reads | right.reads)
    return Value(things, left.reads | right.reads)


def put_together(node: ast.BinOp, left: Value, right: Value, frame: Frame) -> tuple[Thing, ...]:
    """`a + b` and `"%s.json" % a`: a known text, or a path with unknown parts."""
    if not left.things and not right.things:
        return ()
    if isinstance(node.op, ast.Add):
        known = [left.constant(), right.constant()]
        if all(isinstance(one, str) for one in known):
            return (Constant(f"{known[0]}{known[1]}"),)
        parts = [piece(left, node.left, frame), piece(right, node.right, frame)]
        return template(parts, node)
    known_left = left.constant()
    if isinstance(node.op, ast.Mod) and isinstance(known_left, str):
        values, nodes = [right], [node.right]
        if isinstance(node.right, ast.Tuple):
            nodes = node.right.elts
            given = {key: one for made in right.objects() for key, one in made.items.items()}
            values = [given.get(number, NOTHING) for number in range(len(nodes))]
        return template([filled(known_left, pieces(values, nodes, frame))], node)
    return ()


def pieces(values: Sequence[Value], nodes: Sequence[ast.expr], frame: Frame) -> list[str]:
    """What is put into a text, in order."""
    return [piece(value, node, frame) for value, node in zip(values, nodes, strict=False)]


PLACES = re.compile(r"%\(?\w*\)?[sdi0-9]*[sd]|\{[^{}]*\}")
"""Where `%` and `format` put something in."""


def beginning(node: ast.expr) -> str:
    """What a text begins with, as far as it is written out."""
    if isinstance(node, ast.BinOp):
        return beginning(node.left).partition("%")[0]
    if isinstance(node, ast.JoinedStr):
        return beginning(node.values[0]) if node.values else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return beginning(node.func.value).partition("{")[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def formatted(node: ast.Call, values: Sequence[Value], frame: Frame) -> tuple[Thing, ...]:
    """`"data/{}.json".format(a)`."""
    target = node.func
    if isinstance(target, ast.Attribute) and target.attr == "format":
        text = target.value
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            parts = [] if node.keywords else pieces(values, node.args, frame)
            return template([filled(text.value, parts)], node)
    return ()


def filled(text: str, parts: Sequence[str] = ()) -> str:
    """A text with what is put in; stars stand for it if that is not known."""
    if len(text) > LONGEST:
        return text
    given = iter(parts if len(PLACES.findall(text)) == len(parts) else ())
    return PLACES.sub(lambda _: next(given, "*"), text)
