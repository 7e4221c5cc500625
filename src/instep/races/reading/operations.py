"""Views that a description of the API names: `operationId: shop.order` in OpenAPI.

How it stays right. A framework of this kind (connexion) reads the description when the program
starts, and imports what it names. The descriptions beside the modules that import the framework
are looked through line by line: paths, verbs, operations and the module that holds them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from instep.races.reading import registering
from instep.races.reading.frames import Frame, Module
from instep.races.reading.model import Role
from instep.races.reading.values import Function, Outside, Value
from instep.races.reading.walker import Walker

MOST_FILES = 200
LARGEST = 2_000_000
LINE = re.compile(r"""(\s*)["']?([\w/{}.:~-]+)["']?\s*:\s*["']?([\w.:-]*)["']?\s*(#.*)?$""")
CONTROLLERS = frozenset({"x-openapi-router-controller", "x-swagger-router-controller"})

Operation = tuple[str, str]
"""A route and the dotted name of its view."""


def described(walker: Walker) -> None:
    """Register the views that descriptions name, beside modules that import connexion."""
    folders = {one.source.file.parent: one for one in walker.modules.all if uses(one)}
    for folder, module in folders.items():
        frame = Frame(module, module.name, 0)
        for file in descriptions(folder):
            for route, name in operations(file):
                register(walker, route, name, frame)


def uses(module: Module) -> bool:
    """Whether a module imports the framework."""
    return any(
        isinstance(thing, Outside) and thing.name.partition(".")[0] == "connexion"
        for value in module.names.values()
        for thing in value.things
    )


def descriptions(folder: Path) -> Iterator[Path]:
    """The files in a folder and below that may describe an API."""
    wanted = (one for one in sorted(folder.rglob("*")) if one.suffix in (".yml", ".yaml", ".json"))
    for file in islice(wanted, MOST_FILES):
        if file.is_file() and file.stat().st_size <= LARGEST:
            yield file


def operations(file: Path) -> Iterator[Operation]:
    """What a description names."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if "operationId" not in text:
        return
    if file.suffix == ".json":
        try:
            text = json.dumps(json.loads(text), indent=2).replace(",\n", "\n")
        except (ValueError, RecursionError):
            return
    yield from of_lines(text.splitlines())


def of_lines(lines: list[str]) -> Iterator[Operation]:
    """The operations in a description, from its indented lines."""
    path, verb, name, controller = "", "", "", ""
    for line in [*lines, "/:"]:
        found = LINE.match(line)
        if found is None:
            continue
        key, value = found[2], found[3]
        if key.startswith("/") or key in registering.VERBS:
            if name:
                yield f"{verb.upper()} {path}", f"{controller}.{name}".lstrip(".")
            path, verb = (key, verb) if key.startswith("/") else (path, key)
            name = controller = ""
        elif key == "operationId":
            name = value
        elif key in CONTROLLERS:
            controller = value


def register(walker: Walker, route: str, name: str, frame: Frame) -> None:
    """The function of that dotted name is a view."""
    holder, _, last = name.rpartition(".")
    module = walker.modules.find(holder, frame.module) if holder else frame.module
    if module is None and frame.module.name == holder:
        module = frame.module
    if module is None:
        return
    walker.run_module(module)
    for thing in module.names[last].things if last in module.names else ():
        if isinstance(thing, Function):
            registering.register(walker, Value((thing,)), Role.VIEW, (route,), frame)
