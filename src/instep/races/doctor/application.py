"""Where is the application? Looked for as `flask run` does, in the source and without importing it.

First what the deployment names, then `FLASK_APP`, then the files and names that Flask tries, and
the packages of the folder. What was tried is kept, so that a message can say it.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from instep.errors import Misuse
from instep.races.doctor.settings import Deployment

FILES = ("wsgi.py", "app.py", "main.py", "application.py", "run.py", "server.py", "api.py")
ENTRIES = frozenset({"wsgi.py", "app.py", "run.py", "main.py"})
"""Files in which an application that is only imported there is meant to be served."""
NAMES = ("app", "application")
FACTORIES = ("create_app", "make_app")
FOLDERS = (".", "src", "backend", "server", "api", "web")


@dataclass(frozen=True, slots=True)
class Application:
    """The program, and the folder from which its module can be imported.

    Args:
        target: `MODULE:APP` or `MODULE:FACTORY()`.
        folder: where to run.
        blocked: why nobody can import it, in words; empty if nothing speaks against it.
    """

    target: str
    folder: Path
    blocked: str = ""


def application(
    root: Path,
    deployment: Deployment,
    *,
    target: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Application:
    """Find the program in a folder.

    Args:
        root: the project's folder.
        deployment: how it is served, which often names it.
        target: what the user named; nothing else is looked for then.
        variables: what `FLASK_APP` is looked up in.

    Raises:
        Misuse: there is none, or only a factory that needs arguments; what was tried is said.

    Example:
        >>> application(Path("examples"), Deployment(), variables={"FLASK_APP": "scheduler"}).target
        'scheduler:app'
    """
    search = _Search(root, deployment)
    named = (
        (deployment.target, f"named in {deployment.where}"),
        ((variables or {}).get("FLASK_APP"), "named by FLASK_APP"),
    )
    for name, why in ((target, "as it was given"),) if target else named:
        if name and (found := search.named(name, why)):
            return found
    if target and _installed(target.partition(":")[0]):
        return Application(target, root)
    if target:
        raise Misuse(
            f"{target}: there is no such module in {root}, or no application in it; write "
            "MODULE:APP, and --chdir FOLDER for the project's folder"
        )
    for found in search.usual():
        return found
    raise Misuse(search.in_vain())


def _installed(module: str) -> bool:
    """Whether a module that is not in the folder can be found all the same."""
    try:
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    except ValueError:
        return False


@dataclass(slots=True)
class _Search:
    root: Path
    deployment: Deployment
    tried: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def named(self, target: str, why: str) -> Application | None:
        """What a file, a variable or the user names, if its module is there."""
        path, _, name = target.partition(":")
        module = path.removesuffix(".py").replace("/", ".").strip(".")
        for base in self._bases(module):
            if (file := _file(base, module)) is None:
                continue
            if path.endswith(".py") and not (file.parent / "__init__.py").exists():
                base, module = file.parent, file.stem  # a script finds its neighbours
            for found in [self._called(file, name)] if name else self._names(file, imported=True):
                return Application(f"{module}:{found}", base, self._blocked(file))
        self.tried.append(f"{target} ({why})")
        return None

    def _bases(self, module: str) -> Iterator[Path]:
        """The folders in which a module may be meant, the likeliest first.

        An image has its files elsewhere: of `/srv/shop/src` there may be a `src` here, and what
        stands beside the Dockerfile has probably been copied.
        """
        parts = PurePosixPath(self.deployment.folder.lstrip("/")).parts
        yield from (self.root.joinpath(*parts[cut:]) for cut in range(len(parts)))
        for place in self.deployment.where.split(", "):
            yield self.root / PurePosixPath(place).parent
        yield from (self.root / each for each in FOLDERS)
        for file in sorted(self.root.glob(f"*/{module.replace('.', '/')}.py")) if module else ():
            yield file.parents[module.count(".")]

    def _called(self, file: Path, name: str) -> str:
        """A name in a module; of a factory that needs nothing, its call."""
        for node in _body(file):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return name if _is_wsgi(node) or _needed(node) else f"{name}()"
        return name

    def _blocked(self, file: Path) -> str:
        """A server that is started by importing a module, from which nobody comes back."""
        for node in _body(file):
            call = node.value if isinstance(node, ast.Expr) else None
            name = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
            if name in ("app.run", "application.run", "socketio.run"):
                return (
                    f"{file.relative_to(self.root)}:{node.lineno} starts a server as soon as it is "
                    f"imported, so no other server can import it; put `{name}(…)` under "
                    '`if __name__ == "__main__":`'
                )
        return ""

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
        for name in self._names(file, imported=file.name in ENTRIES):
            yield Application(f"{module}:{name}", folder, self._blocked(file))

    def _names(self, file: Path, *, imported: bool) -> Iterator[str]:
        """The applications that a module has: by name, by being made there, by a factory."""
        body = _body(file)
        bound = dict(_bound(body))
        made = [name for name, value in bound.items() if _makes_application(value)]
        yield from sorted(made, key=lambda name: name not in NAMES)
        if imported:
            yield from (name for name in NAMES if name in bound and bound[name] is None)
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


def _body(file: Path) -> list[ast.stmt]:
    """The statements of a module; none if it cannot be parsed."""
    try:
        return ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError, OSError, RecursionError):
        return []


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
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                pass  # whoever imports the module does not get that far
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
