"""The house: what is exported, which way imports go, and which room may import what."""

import ast
import importlib
import inspect
import pkgutil
import re
import resource
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import click
import pytest

import instep
import instep.flask
from instep.cli import main
from instep.flask.commands import commands
from instep.resources import Resource

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "instep"
MODULES = {path: ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

ROOMS: dict[str, set[str]] = {
    "lmdb": {
        "stores/lmdb.py",
        "stores/environment.py",
        "stores/forgetting.py",
        "stores/membership.py",
    },
    "redis": {"stores/redis", "integrations/redis.py"},
    "psycopg": {"stores/postgres/", "integrations/psycopg.py"},
    "psycopg_pool": {"integrations/psycopg.py"},
    "sqlalchemy": {"integrations/sqlalchemy.py"},
    "requests": {"integrations/requests.py"},
    "httpx": {"integrations/httpx.py"},
    "limits": {"integrations/limits.py"},
    "dogpile": {"integrations/dogpile.py"},
    "pymemcache": {"stores/memcached/"},
    "ormsgpack": {"codec/"},
    "cachelib": {"integrations/cachelib.py"},
    "flask_caching": {"integrations/flask_caching/"},
    "itsdangerous": {"integrations/session/"},
    "markupsafe": {"integrations/flask_caching/", "integrations/session/"},
    "flask": {
        "flask/",
        "integrations/flask_caching/",
        "integrations/limits.py",
        "integrations/session/",
    },
    "werkzeug": {"flask/", "integrations/flask_caching/"},
    "click": {"flask/commands.py", "cli/"},
    "rich": {"cli/"},
    "pytest": {"testing/", "integrations/pytest.py"},
}
"""Which rooms may import a library of somebody else's; what is not named, none may."""

PUBLIC = [getattr(instep, name) for name in instep.__all__] + [instep.flask.Instep]


def name_of(path: Path) -> str:
    """A module's path inside the package."""
    return path.relative_to(SOURCE).as_posix()


def imported(tree: ast.Module) -> set[str]:
    """The top-level names of what a module imports from outside of its package."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def python(code: str, *options: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_what_is_exported_is_what_is_visible() -> None:
    """`__all__`, `dir()` and the names that can be imported are the same, sorted, about a dozen."""
    assert instep.__all__ == sorted(instep.__all__)
    assert set(dir(instep)) == {*instep.__all__, "__version__"}
    for name in instep.__all__:
        assert getattr(instep, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        _ = instep.nothing
    from_star: dict[str, Any] = {}
    exec("from instep import *", from_star)
    assert set(from_star) - {"__builtins__"} == set(instep.__all__)


def test_the_error_tree() -> None:
    """Yours, the store's, somebody else's: as it is drawn."""
    tree = {
        name: getattr(instep, name).__bases__[0].__name__
        for name in instep.__all__
        if name not in ("Space", "readonly")
    }
    assert tree == {
        "InstepError": "Exception",
        "Misuse": "InstepError",
        "StoreError": "InstepError",
        "Conflict": "InstepError",
        "LockTimeout": "Conflict",
        "PoolTimeout": "Conflict",
        "LeaseLost": "Conflict",
    }


def test_imports_go_one_way() -> None:
    """import-linter finds every layer where pyproject.toml says that it is."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_third_party_imports_have_one_room() -> None:
    """A library of somebody else's is imported in its rooms only, and none of them stands empty."""
    by_library: dict[str, set[str]] = defaultdict(set)
    for path, tree in MODULES.items():
        for library in imported(tree) - {*sys.stdlib_module_names, "instep"}:
            by_library[library].add(name_of(path))
    strangers = {
        (library, name)
        for library, names in by_library.items()
        for name in names
        if not name.startswith(tuple(ROOMS.get(library, ())))
    }
    assert not strangers
    assert not ROOMS.keys() - {"pytest"} - by_library.keys(), "nobody imports these any more"


def test_no_code_is_executed_from_data() -> None:
    """No pickle, no marshal, no shelve, no eval, no exec."""
    for path, tree in MODULES.items():
        assert not imported(tree) & {"pickle", "marshal", "shelve", "dill"}, path
        calls = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & {"eval", "exec", "compile"}, path


def test_importing_loads_nothing() -> None:
    """`import instep` imports nobody else's module, no store, and not even its own rooms."""
    code = "import sys; before = set(sys.modules); import instep; print(*set(sys.modules) - before)"
    loaded = set(python(code).split())
    foreign = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"instep"}


def test_using_the_core_needs_no_flask_and_no_command_line() -> None:
    """A space in the memory works without flask, click, rich and lmdb."""
    code = (
        "import sys; from instep import Space; Space('memory:').counter('c').increment();"
        "print(*sorted(sys.modules))"
    )
    assert not {"flask", "werkzeug", "click", "rich", "lmdb"} & set(python(code).split())


def test_importing_is_quick() -> None:
    """It takes no longer than 60 ms of a processor, and little next to starting the interpreter."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def best(code: str) -> float:
        times = []
        for _ in range(7):
            begin = spent()
            python(code, "-I")
            times.append(spent() - begin)
        return min(times)

    bare = best("pass")
    assert best("import instep") - bare < max(0.060, 3 * bare)


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: thing.__name__)
def test_public_names_are_documented(thing: Any) -> None:
    """Each has a docstring; what is called, and not only raised, has an example that runs."""
    assert inspect.getdoc(thing)
    if not (isinstance(thing, type) and issubclass(thing, Exception)):
        assert ">>> " in inspect.getdoc(thing)


@pytest.mark.parametrize(
    "cls",
    [
        instep.Space,
        instep.flask.Instep,
        *(
            getattr(importlib.import_module(f"instep.objects.{room}"), room.title())
            for room in ("counter", "value", "mapping", "family", "lock", "cache", "once", "leader")
        ),
        Resource,
    ],
    ids=lambda cls: cls.__name__,
)
def test_public_methods_are_documented(cls: type) -> None:
    """Every method that a user calls says in a line what it does, and is typed."""
    for name, member in vars(cls).items():
        if name.startswith("_") or not callable(member):
            continue
        assert inspect.getdoc(member), f"{cls.__name__}.{name}"
        signature = inspect.signature(member)
        assert signature.return_annotation is not signature.empty, f"{cls.__name__}.{name}"


def test_modules_and_functions_keep_their_size() -> None:
    """A module has a docstring and at most 400 lines, a function at most 40 of code."""
    too_long = []
    for path, tree in MODULES.items():
        assert ast.get_docstring(tree), path
        if (lines := len(path.read_text().splitlines())) > 400:
            too_long.append(f"{name_of(path)} has {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = node.end_lineno - body[0].lineno + 1 if body and node.end_lineno else 0
                if length > 40:
                    too_long.append(f"{name_of(path)}: {node.name} has {length} lines")
    assert not too_long


def test_no_room_is_called_utils() -> None:
    """Rooms are named by what they are about."""
    names = {path.stem for path in MODULES}
    assert not names & {"utils", "util", "helpers", "common", "misc", "core", "manager"}


def commands_of(group: click.Group, words: str) -> list[str]:
    """Every command of a group, as it is typed."""
    found = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += commands_of(command, f"{words} {name}")
        else:
            found.append(f"{words} {name}")
    return found


def test_every_command_is_documented() -> None:
    """Each command line is shown on a page of the documentation."""
    text = "\n".join(page.read_text() for page in PAGES)
    for words in (*commands_of(commands, "flask instep"), *commands_of(main, "instep")):
        assert re.search(rf"(?<![\w-]){re.escape(words)}(?![\w-])", text), words


def test_every_test_says_what_it_shows() -> None:
    """A test function has a docstring of one sentence or two."""
    silent = [
        f"{path.name}: {node.name}"
        for folder in ("src", "tests")
        for path in sorted((ROOT / folder).rglob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if not ast.get_docstring(node)
    ]
    assert not silent


def test_every_module_can_be_imported() -> None:
    """No module needs another one to be imported first."""
    names = [module.name for module in pkgutil.walk_packages([str(SOURCE)], "instep.")]
    assert len(names) > 30
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    subprocess.run([sys.executable, "-W", "error", "-c", code, *reversed(names)], check=True)


def test_the_package_is_typed() -> None:
    """py.typed is beside the modules, so that type checkers believe the annotations."""
    assert (SOURCE / "py.typed").is_file()
