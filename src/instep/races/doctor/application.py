"""Where is the application? Looked for as `flask run` does, in the source and without importing it.

First what the deployment names, then `FLASK_APP`, then the files and names that Flask tries, and
the packages of the folder. What was tried is kept, so that a message can say it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from instep.errors import Misuse
from instep.races.doctor.settings import Deployment

FILES = ("wsgi.py", "app.py", "main.py", "application.py", "run.py", "server.py", "api.py")
NAMES = ("app", "application")
FACTORIES = ("create_app", "make_app")
FOLDERS = (".", "src", "backend", "server", "api", "web")


@dataclass(frozen=True, slots=True)
class Application:
    """The program, and the folder from which its module can be imported.

    Args:
        target: `MODULE:APP` or `MODULE:FACTORY()`.
        folder: where to run.
        why: how it was found, in words.
    """

    target: str
    folder: Path
    why: str


def application(
    root: Path, deployment: Deployment, variables: Mapping[str, str] | None = None
) -> Application:
    """Find the program in a folder.

    Args:
        root: the project's folder.
        deployment: how it is served, which often names it.
        variables: what `FLASK_APP` is looked up in.

    Raises:
        Misuse: there is none, or only a factory that needs arguments; what was tried is said.

    Example:
        >>> application(Path("examples"), Deployment(), {"FLASK_APP": "scheduler"}).target
        'scheduler:app'
    """
    search = _Search(root)
    for target, why in (
        (deployment.target or "", f"named in {deployment.where}"),
        ((variables or {}).get("FLASK_APP", ""), "named by FLASK_APP"),
    ):
        if target and (found := search.named(target, root / deployment.folder, why)):
            return found
    for found in search.usual():
        return found
    raise Misuse(search.in_vain())


@dataclass(slots=True)
class _Search:
    root: Path
    tried: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def named(self, target: str, folder: Path, why: str) -> Application | None:
        """What a file or a variable names, if its module is there."""
        module, _, name = target.removesuffix(".py").replace("/", ".").partition(":")
        deeper = sorted(self.root.glob(f"*/{module.replace('.', '/')}.py")) if module else []
        above = [file.parents[module.count(".")] for file in deeper]
        for base in (folder, self.root, *(self.root / each for each in FOLDERS[1:]), *above):
            if (file := _file(base, module)) is None:
                continue
            names = [name] if name else list(self._names(file))
            if names:
                return Application(f"{module}:{names[0]}", base, why)
        self.tried.append(f"{target} ({why})")
        return None

    def usual(self) -> Iterator[Application]:
        """The files and packages that Flask and people use."""
        for folder in self._folders():
            files = [folder / name for name in FILES]
            files += sorted(folder.glob("*/__init__.py")) + sorted(folder.glob("*.py"))
            files += [
                file.parent / name
                for file in sorted(folder.glob("*/__init__.py"))
                for name in FILES
            ]
            for file in dict.fromkeys(files):
                if file.is_file():
                    yield from self._in(file, folder)

    def _folders(self) -> list[Path]:
        """The usual ones, then the others that are no packages."""
        usual = [self.root / name for name in FOLDERS]
        others = [
            path.parent
            for path in sorted(self.root.glob("*/*.py"))
            if path.name in FILES and not (path.parent / "__init__.py").exists()
        ]
        return list(dict.fromkeys([*usual, *others]))

    def _in(self, file: Path, folder: Path) -> Iterator[Application]:
        relative = file.relative_to(folder).with_suffix("")
        module = ".".join(part for part in relative.parts if part != "__init__")
        shown = file.relative_to(self.root).as_posix()
        if shown.startswith(("test", "setup.py", "docs/", "examples/", ".", "venv")):
            return
        self.tried.append(shown)
        for name in self._names(file):
            yield Application(f"{module}:{name}", folder, f"found in {shown}")

    def _names(self, file: Path) -> Iterator[str]:
        """The applications that a module has: by name, by being made there, by a factory."""
        try:
            body = ast.parse(file.read_bytes()).body
        except (SyntaxError, ValueError, OSError, RecursionError):
            return
        bound = dict(_bound(body))
        made = [name for name, value in bound.items() if _makes_application(value)]
        imported = [name for name, value in bound.items() if value is None]
        yield from (name for name in NAMES if name in made)
        yield from (name for name in made if name not in NAMES)
        if file.name in ("wsgi.py", "app.py", "run.py", "main.py"):
            yield from (name for name in NAMES if name in imported)
        for node in body:
            if isinstance(node, ast.FunctionDef) and _is_wsgi(node):
                yield node.name
            elif isinstance(node, ast.FunctionDef) and node.name in FACTORIES:
                if needed := _needed(node):
                    self.refused.append(f"{file.stem}:{node.name} needs {', '.join(needed)}")
                else:
                    yield f"{node.name}()"

    def in_vain(self) -> str:
        """What was tried, and what to write instead."""
        tried = ", ".join(list(dict.fromkeys(self.tried))[:12]) or "no Python file is there"
        hint = "name it: instep doctor MODULE:APP"
        if self.refused:
            factory = self.refused[0].partition(" ")[0]
            hint = f"{'; '.join(self.refused)}: write instep doctor '{factory}(\"…\")'"
        return f"no application was found in {self.root} (tried: {tried}); {hint}"


def _bound(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr | None]]:
    """The names that a module binds, with their values; None for what it imports."""
    for node in body:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        yield target.id, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case ast.ImportFrom(names=names):
                for alias in names:
                    yield alias.asname or alias.name, None
            case ast.Try(body=inner) | ast.If(body=inner):
                yield from _bound(inner)


def _makes_application(value: ast.expr | None) -> bool:
    if not isinstance(value, ast.Call):
        return False
    return ast.unparse(value.func).rpartition(".")[2] in ("Flask", "Bottle", "APIFlask", *FACTORIES)


def _is_wsgi(node: ast.FunctionDef) -> bool:
    """`def app(environ, start_response)`."""
    return [word.arg for word in node.args.args] == ["environ", "start_response"]


def _needed(factory: ast.FunctionDef) -> list[str]:
    """The arguments that must be given."""
    words = factory.args
    first = [*words.posonlyargs, *words.args]
    named = zip(words.kwonlyargs, words.kw_defaults, strict=True)
    needed = first[: len(first) - len(words.defaults)]
    return [word.arg for word in [*needed, *(word for word, default in named if default is None)]]


def _file(base: Path, module: str) -> Path | None:
    path = base.joinpath(*module.split("."))
    both = path.with_suffix(".py"), path / "__init__.py"
    return next((file for file in both if file.is_file()), None)
