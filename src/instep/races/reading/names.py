"""Which file an import means: packages, relative imports, folders without `__init__`, stars."""

from __future__ import annotations

from collections import defaultdict

from instep.races.reading.files import Source
from instep.races.reading.frames import Module


class Modules:
    """The modules of a program, by every name that an import may call them.

    A file may be imported by its full dotted name or, when its folder is on the path, by the tail
    of it. Where several files share a tail, the nearest to the importing one is meant.
    """

    def __init__(self, sources: list[Source]) -> None:
        self.all: list[Module] = []
        self.tails: dict[str, list[Module]] = defaultdict(list)
        used: set[str] = set()
        for source in sources:
            name = source.name
            if name in used:
                name = source.path.removesuffix(".py").strip("./").replace("/", ".")
            used.add(name)
            module = Module(source, name)
            self.all.append(module)
            self.register(module)

    def register(self, module: Module) -> None:
        """Remember a module under all tails of its path."""
        parts = module.source.file.with_suffix("").parts[-8:]
        if parts[-1] == "__init__":
            parts = parts[:-1]
        names = {".".join(parts[start:]) for start in range(len(parts))}
        for name in names | {module.source.name}:
            self.tails[name].append(module)

    def find(self, name: str, asker: Module) -> Module | None:
        """The module that a name means in another, or None if it is not of the program."""
        candidates = self.tails.get(name)
        if not candidates:
            return None
        if len(candidates) == 1:
            only = candidates[0]
            return only if only is not asker or only.name == name else None
        return max(
            (one for one in candidates if one is not asker),
            key=lambda one: (near(one, asker), one.source.name == name, -len(one.path)),
            default=None,
        )

    def relative(self, asker: Module, level: int, name: str | None) -> Module | None:
        """The module that a relative import means."""
        folder = asker.source.file.parent
        for _ in range(level - 1):
            folder = folder.parent
        target = folder.joinpath(*name.split(".")) if name else folder
        wanted = {str(target) + ".py", str(target / "__init__.py")}
        tail = (name or folder.name).rpartition(".")[2]
        for one in self.tails.get(tail, []):
            if str(one.source.file) in wanted:
                return one
        return None

    def child(self, parent: Module, name: str) -> Module | None:
        """A submodule of a package."""
        if not parent.source.package:
            return None
        return self.relative(parent, 1, name)

    def below(self, package: str) -> list[Module]:
        """The modules of a package, or of a folder that is used like one."""
        start = f"{package}."
        found = [
            one
            for name, modules in self.tails.items()
            if name.startswith(start) and "." not in name.removeprefix(start)
            for one in modules
        ]
        return list(dict.fromkeys(found))


def near(one: Module, asker: Module) -> int:
    """How much of their folders two modules share."""
    shared = 0
    for mine, yours in zip(one.path.split("/")[:-1], asker.path.split("/")[:-1], strict=False):
        if mine != yours:
            break
        shared += 1
    return shared
