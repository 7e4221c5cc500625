"""What a program's own modules lead to: a walk from their globals, breadth first and bounded.

How it stays right. The walk asks the garbage collector what an object refers to, so no code of the
program runs: no property, no `__getattr__`, no `__class__` of a proxy. It enters the program's own
classes and anybody's functions and instances, but no modules and no classes of a library, through
which everything leads to everything.
"""

import gc
import sys
import sysconfig
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FrameType, ModuleType
from typing import Any

LIMIT = 50_000
"""How many objects a walk visits; the near ones come first."""

WIDE = 10_000
"""How many referents of one object are followed."""

INSTALLED = {"site-packages", "dist-packages"}

_PLAIN = {str, bytes, int, float, complex, bool, type(None), CodeType, FrameType}
_PLAIN |= {BuiltinFunctionType}


@dataclass(frozen=True, slots=True)
class Step:
    """An object that was reached.

    Args:
        thing: the object.
        before: how; None where the walk began.
        name: of a beginning.
        safe: it is reached through an object of this library, which minds threads and forks.
    """

    thing: object
    before: "Step | None"
    name: str = ""
    safe: bool = False

    @property
    def path(self) -> "list[Step]":
        """All steps to here, from the beginning."""
        return [*(self.before.path if self.before else []), self]


class Own:
    """The program's own modules: those below its folder that were not installed there."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.stdlib = sysconfig.get_path("stdlib")

    def modules(self) -> dict[str, dict[str, Any]]:
        """The globals of each module, by its name."""
        found = {}
        for name, module in list(sys.modules.items()):
            if issubclass(type(module), ModuleType):
                space = _space(module)
                if self.has(name, space.get("__file__")):
                    found[name] = space
        return found

    def has(self, name: str, file: object) -> bool:
        """Whether the module of this name and file is the program's own."""
        if not isinstance(file, str) or name.partition(".")[0] == "instep":
            return False
        path = Path(file)
        inside = path.is_relative_to(self.root) and not path.is_relative_to(self.stdlib)
        return inside and not INSTALLED.intersection(path.parts)


def walk(
    own: Mapping[str, dict[str, Any]], others: Mapping[str, object], *, limit: int = LIMIT
) -> Iterator[Step]:
    """Everything that the program's modules, and some more objects, lead to.

    Args:
        own: the globals of the program's modules, by name.
        others: further beginnings, such as the application, by name.
        limit: how many objects are visited at most.
    """
    line = deque(Step(space, None, name) for name, space in own.items())
    line += (Step(thing, None, name) for name, thing in others.items())
    modules = [module for module in sys.modules.values() if issubclass(type(module), ModuleType)]
    seen = {id(_space(module)) for module in modules} | {id(step.thing) for step in line}
    while line and limit:
        limit -= 1
        step = line.popleft()
        yield step
        for thing in islice(gc.get_referents(step.thing), WIDE):
            if id(thing) not in seen and type(thing) not in _PLAIN and _open(thing, own):
                seen.add(id(thing))
                line.append(Step(thing, step, safe=step.safe or _ours(type(thing))))


def _open(thing: object, own: Mapping[str, object]) -> bool:
    """Whether the walk enters it: no module, and no class but the program's own."""
    kind = type(thing)
    if issubclass(kind, ModuleType):
        return False
    return not issubclass(kind, type) or home(thing) in own  # type: ignore[arg-type]


def _ours(kind: type) -> bool:
    return home(kind).partition(".")[0] == "instep"


def home(kind: type) -> str:
    """The module that a class was made in; asked of `type`, past any metaclass."""
    module = type.__dict__["__module__"].__get__(kind)
    return module if isinstance(module, str) else ""


def _space(module: ModuleType) -> dict[str, Any]:
    """A module's globals, past what a lazy module makes of being asked."""
    space: dict[str, Any] = ModuleType.__getattribute__(module, "__dict__")
    return space
