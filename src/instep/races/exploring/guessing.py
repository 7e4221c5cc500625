"""Makes requests of routes: values for `<int:id>`, and a body with the fields that a view reads.

A guess is a guess. It takes the keys that the state is made with, names that mean a number, and
the fields that stand in the source of the view; what a program really wants its owner may say.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

PARAMETER = re.compile(
    r"<(?:(?P<kind>[a-zA-Z_]\w*)(?:\([^>]*\))?:)?(?P<name>\w+)>|\{(?P<brace>\w+)\}"
)
NUMBER = re.compile(
    r"(?:^|_)(id|n|no|num|number|count|qty|quantity|amount|price|total|page|limit|size|age|year|"
    r"month|day|seat|seats|index|level|score|value|port|duration|seconds|minutes)s?(?:$|_)"
)
WORDS: Mapping[str, object] = {
    "email": "alice@example.com",
    "mail": "alice@example.com",
    "password": "secret",
    "date": "2026-01-01",
    "url": "http://example.com/",
    "done": True,
    "completed": True,
    "active": True,
    "enabled": True,
    "tags": [],
    "items": [],
}
BODIES = frozenset({"POST", "PUT", "PATCH"})
FIELDS = {"json": "json", "get_json": "json", "form": "form", "values": "form", "args": "query"}
"""Attributes of a request, and what they are read from."""


@dataclass(slots=True)
class Fields:
    """What a view reads from its request: names, with a value for each.

    Args:
        json: of a JSON body.
        form: of a form.
        query: of the query string.
        whole: whether it reads a JSON body at all.
    """

    json: dict[str, object] = field(default_factory=dict)
    form: dict[str, object] = field(default_factory=dict)
    query: dict[str, object] = field(default_factory=dict)
    whole: bool = False


def request(route: str, *, keys: Sequence[str] = (), fields: Fields | None = None) -> str:
    """A request for a route, as `explore` takes it.

    Args:
        route: such as `POST /order/<int:id>`.
        keys: keys that the state is known to have, which a path may name.
        fields: what the view reads.

    Example:
        >>> request("POST /order/<int:id>", fields=Fields(json={"quantity": 1}))
        'POST /order/1 {"quantity": 1}'
    """
    method, _, path = route.rpartition(" ")
    method = method or "GET"
    asked = PARAMETER.sub(lambda match: quote(_parameter(match, keys)), path)
    words = [method]
    if fields and fields.query:
        asked += "?" + urlencode({name: _text(value) for name, value in fields.query.items()})
    words.append(asked)
    if fields and method in BODIES:
        if fields.json or (fields.whole and not fields.form):
            words.append(json.dumps(fields.json))
        elif fields.form:
            words.append(urlencode({name: _text(value) for name, value in fields.form.items()}))
    return " ".join(words)


def _parameter(match: re.Match[str], keys: Sequence[str]) -> str:
    kind, name = match["kind"] or "string", match["name"] or match["brace"]
    fitting = [key for key in keys if key.isdigit() or kind not in ("int", "float")]
    if fitting:
        return fitting[0]
    if kind == "uuid":
        return "00000000-0000-4000-8000-000000000001"
    return {"int": "1", "float": "1.5"}.get(kind) or _text(value_for(name))


def value_for(name: str) -> object:
    """A value for a field of this name.

    Example:
        >>> value_for("item_id"), value_for("email"), value_for("title")
        (1, 'alice@example.com', 'title')
    """
    lowered = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    if NUMBER.search(lowered):
        return 1
    known = next((WORDS[word] for word in lowered.split("_") if word in WORDS), None)
    return "alice" if "user" in lowered or lowered == "name" else (name if known is None else known)


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def fields_of(paths: Iterable[Path], name: str) -> Fields:
    """What a view reads, from the first of the files that has it.

    Args:
        paths: of modules.
        name: of the view: `add`, `Todos.post`.
    """
    for path in paths:
        found = read_fields(source_of(path), [name])
        if found != Fields():
            return found
    return Fields()


@cache
def source_of(path: Path) -> str:
    """What is in a file; nothing if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def read_fields(source: str, functions: Sequence[str]) -> Fields:
    """What functions of a module read from the request.

    Args:
        source: of the module.
        functions: their names, as they end: `add`, `Todos.post`.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return Fields()
    found = Fields()
    for function in _functions(tree, set(functions)):
        reading = _Reading(found, tree)
        reading.read(function)
        reading.keyed(function)
    return found


def _functions(tree: ast.AST, names: set[str], prefix: str = "") -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{prefix}{node.name}"
            if not isinstance(node, ast.ClassDef) and any(_same(name, each) for each in names):
                yield node
            yield from _functions(node, names, f"{name}.")
        else:
            yield from _functions(node, names, prefix)


def _same(name: str, wanted: str) -> bool:
    return f".{wanted}".endswith(f".{name}") or f".{name}".endswith(f".{wanted}")


class _Reading:
    """Collects the fields that one function reads; names bound to the whole body are followed."""

    def __init__(self, found: Fields, module: ast.Module) -> None:
        self.found, self.module = found, module
        self.bound: dict[str, str] = {}
        self.named: dict[str, str] = {}
        self.numbers: set[int] = set()

    def read(self, function: ast.AST) -> None:
        nodes = list(ast.walk(function))
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                kind = self._kind(node.value)
                if kind:
                    self.bound[node.targets[0].id] = kind
                if name := _name(node.value):
                    self.named[node.targets[0].id] = name
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("int", "float"):
                self.numbers |= {id(inner) for part in node.args for inner in ast.walk(part)}
        for node in nodes:
            self._field(node)
            if isinstance(node, ast.Attribute) and node.attr in ("json", "get_json"):
                self.found.whole = True
            if isinstance(node, ast.Attribute) and node.attr == "parse_args":
                self._arguments(ast.unparse(node.value))

    def _field(self, node: ast.AST) -> None:
        """`request.json["x"]`, `data.get("x")`, `"x" in data`."""
        match node:
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(name))):
                pass
            case ast.Call(
                func=ast.Attribute(value=owner, attr="get" | "getlist" | "pop"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                pass
            case ast.Compare(
                left=ast.Constant(value=str(name)),
                ops=[ast.In() | ast.NotIn()],
                comparators=[owner],
            ):
                pass
            case _:
                return
        if kind := self._kind(owner):
            number = id(node) in self.numbers or _cast(node)
            fields: dict[str, object] = getattr(self.found, kind)
            if number or name not in fields:
                fields[name] = 1 if number else value_for(name)

    def keyed(self, function: ast.AST) -> None:
        """A field that is looked up in a container gets one of the keys the container has."""
        for node in ast.walk(function):
            match node:
                case ast.Subscript(value=ast.Name(id=owner), slice=key):
                    pass
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=owner), attr="get" | "pop"), args=[key, *_]
                ):
                    pass
                case ast.Compare(
                    left=key, ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id=owner)]
                ):
                    pass
                case _:
                    continue
            name = self.named.get(key.id) if isinstance(key, ast.Name) else _name(key)
            keys = constants(self.module, owner) if name else []
            for fields in (self.found.json, self.found.form, self.found.query):
                if name in fields and keys:
                    fields[name] = keys[0]

    def _kind(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self.bound.get(node.id)
        if isinstance(node, ast.BoolOp):
            return self._kind(node.values[0])
        if isinstance(node, ast.Call):
            return self._kind(node.func)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("request"):
            return FIELDS.get(node.attr)
        return None

    def _arguments(self, parser: str) -> None:
        """Flask-RESTful's `parser.add_argument("task", type=int)`."""
        for node in ast.walk(self.module):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=owner, attr="add_argument"),
                    args=[ast.Constant(value=str(name)), *_],
                ) if ast.unparse(owner) == parser:
                    self.found.json[name] = 1 if _cast(node) else value_for(name)


def _cast(node: ast.AST) -> bool:
    """Whether `type=int` stands in a call."""
    words = node.keywords if isinstance(node, ast.Call) else []
    return any(word.arg == "type" and ast.unparse(word.value) in ("int", "float") for word in words)


def _name(node: ast.expr) -> str | None:
    """The field of `data["item"]`, `data.get("item")`, `str(…)` of one."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return name
        case ast.Call(func=ast.Name(id="str" | "int"), args=[inner, *_]):
            return _name(inner)
    return None


def known_keys(source: str, name: str) -> list[str]:
    """The keys that a container of a module begins with, or the ids of its items.

    Example:
        >>> known_keys("TODOS = {'todo1': 1, 'todo2': 2}", "TODOS")
        ['todo1', 'todo2']
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    return [str(key) for key in constants(tree, name)]


def constants(tree: ast.Module, name: str) -> list[object]:
    """The same, as the constants that they are."""
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if value and any(t and ast.unparse(t).rpartition(".")[2] == name for t in targets):
            return _keys(value)
    return []


def _keys(value: ast.expr) -> list[object]:
    if isinstance(value, ast.Dict):
        return [key.value for key in value.keys if isinstance(key, ast.Constant)]
    if isinstance(value, ast.List):
        found: list[object] = []
        for item in value.elts:
            pairs = zip(item.keys, item.values, strict=True) if isinstance(item, ast.Dict) else ()
            for key, inner in pairs:
                if isinstance(key, ast.Constant) and key.value == "id":
                    found += [inner.value] if isinstance(inner, ast.Constant) else []
        return found
    return []
