"""The import hook: the user's own modules are instrumented on their way in.

It stands just before the interpreter's own path finder, behind whoever rewrites modules for
reasons of his own (pytest takes its test modules first), asks the finders after it, and puts its
loader in the place of the ordinary one. Nothing is written to `__pycache__`, so no later run meets
instrumented code.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from instep.races.watching import locks, probe
from instep.races.watching.flow import transform
from instep.races.watching.probe import Listener
from instep.races.watching.written import SKIPPED, Survey, Written

OWN = Path(__file__).parents[2]
"""instep itself is not the user's."""


class Loader(SourceFileLoader):
    """Loads one module of the user's, instrumented."""

    def __init__(self, watch: Watch, name: str, path: str) -> None:
        super().__init__(name, path)
        self.watch = watch
        self.namespace: dict[str, Any] = {}

    def get_code(self, fullname: str) -> CodeType:
        """Compile it anew: a cache would hand instrumented code to others, or theirs to us."""
        path = self.get_filename(fullname)
        module = sys.modules.get(fullname)  # it is there before it runs, and owns its globals
        self.namespace = module.__dict__ if module else {}
        return self.source_to_code(self.get_data(path), path)

    def source_to_code(  # type: ignore[override]
        self, data: Any, path: Any, **options: Any
    ) -> CodeType:
        """Compile the instrumented tree; as it is, should the transform ever fail on it."""
        plain: Callable[..., CodeType] = super().source_to_code
        tree = self._tree(data, str(path))
        if tree is None:
            return plain(data, path, **options)
        try:
            made = transform(tree, str(path), self.watch.survey.written, self.namespace, self.name)
            code = plain(made, path, **options)
        except Exception as error:  # the program goes on, unwatched here, and its user hears of it
            self.watch.failed[str(path)] = f"{type(error).__name__}: {error}"
            return plain(data, path, **options)
        locks.watched.add(str(path))
        self.watch.modules[self.name] = str(path)
        return code

    def _tree(self, data: bytes | str, path: str) -> ast.Module | None:
        try:
            return self.watch.survey.tree(data, path, self.name)
        except (SyntaxError, ValueError, RecursionError):
            return None  # the interpreter's own words for it come next


class Watch(MetaPathFinder):
    """Finds the modules that are to be watched.

    Args:
        roots: folders of the user's own modules.
        only: leaves out a file for which it is false; None for all under the roots.
    """

    def __init__(self, roots: Sequence[Path], only: Callable[[Path], bool] | None = None) -> None:
        self.roots = [Path(root).resolve() for root in roots]
        self.only = only
        self.survey = Survey(self.is_own)
        self.modules: dict[str, str] = {}
        """What was instrumented: names and paths."""
        self.failed: dict[str, str] = {}
        """What was not, and why."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as the finders behind this one do, and take it over if it is the user's."""
        behind = sys.meta_path[sys.meta_path.index(self) + 1 :] if self in sys.meta_path else ()
        for finder in behind:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(fullname, path, target) if find else None
            if spec is not None:
                self._take_over(spec)
                return spec
        return None

    def _take_over(self, spec: ModuleSpec) -> None:
        loader = spec.loader
        if type(loader) is not SourceFileLoader or not self.is_own(loader.path):
            return
        if not self.survey.is_broken(loader.path, loader.name):  # that traceback is not ours
            spec.loader = Loader(self, loader.name, loader.path)

    def is_own(self, path: str) -> bool:
        """Whether a file is one of the user's own modules."""
        file = Path(path).resolve()
        if file.is_relative_to(OWN):
            return False
        for root in self.roots:
            if file.is_relative_to(root) and not _is_foreign(file.relative_to(root)):
                return self.only is None or self.only(file)
        return False

    def start(self) -> None:
        """Begin to take over imports."""
        probe.install()
        at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
        sys.meta_path.insert(at, self)

    def stop(self) -> None:
        """Leave imports alone from now on; what was instrumented stays so, and tells nobody."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        probe.listen(None)
        probe.forget()

    def missed(self) -> list[str]:
        """The user's modules that were imported before, and so are not watched."""
        names = []
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            known = name in self.modules or name == "__main__"
            if isinstance(path, str) and path.endswith(".py") and not known and self.is_own(path):
                names.append(name)
        return sorted(names)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _is_foreign(below: Path) -> bool:
    return any(part in SKIPPED or part.startswith(".") for part in below.parts[:-1])


def watch(
    roots: Sequence[Path],
    listener: Listener | None,
    only: Callable[[Path], bool] | None = None,
) -> Watch:
    """Instrument the user's own modules as they are imported from now on, and tell somebody.

    Args:
        roots: folders; what is below them and not in an environment is the user's own.
        listener: who is told; None for later (`probe.listen`).
        only: leaves out a file for which it is false.

    Returns:
        The hook, which is stopped by `stop()` or at the end of a `with`.
    """
    hook = Watch(roots, only)
    hook.start()
    if listener is not None:
        probe.listen(listener)
    return hook


def instrument(
    source: str,
    path: str,
    namespace: dict[str, Any] | None = None,
    *,
    name: str = "__main__",
    written: Written | None = None,
) -> CodeType:
    """Compile one module's source, instrumented.

    Args:
        source: of the module.
        path: as the code objects name it.
        namespace: that it will run in.
        name: of the module.
        written: what the whole program writes; without it, what this module writes.

    Example:
        >>> namespace = {"count": 0}
        >>> code = instrument("def up():\\n global count\\n count += 1", "up.py", namespace)
    """
    probe.install()
    tree = ast.parse(source)
    if written is None:
        written = Written()
        written.look(tree)
    locks.watched.add(path)
    made = transform(tree, path, written, namespace, name)
    code = SourceFileLoader(name, path).source_to_code(made, path)
    assert isinstance(code, CodeType)
    return code
