"""The program under test, as the server loads it: the user's own WSGI application, and two headers.

Every response says which process and which thread (or greenlet) made it. The body, the status and
the program's own headers pass through untouched.
"""

import ast
import importlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instep.errors import Misuse
from instep.races import variables
from instep.races.forks import Forks

if TYPE_CHECKING:
    from instep.races.amplify import Amplifier

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class Target:
    """Wraps a WSGI application so that each answer names its worker.

    Args:
        application: the program under test.
        token: sent back at the reserved path, where the program itself is not asked.
        forks: what there was before the server forked.
        amplifier: holds requests back, if that is wanted.
    """

    def __init__(
        self,
        application: Application,
        token: str,
        forks: Forks,
        amplifier: "Amplifier | None" = None,
    ) -> None:
        self.application = application
        self.token = token
        self.forks = forks
        self.amplifier = amplifier
        self.leftovers: dict[int, list[dict[str, Any]] | None] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, *worker()], *exc_info)

        if environ.get("PATH_INFO") == variables.READY:
            body = json.dumps(self.told()).encode()
            length = ("Content-Length", str(len(body)))
            start("200 OK", [length, (variables.TOKEN_HEADER, self.token)])
            return [body]
        self.forks.answering = True
        if self.amplifier is not None:
            self.amplifier.begin()
        return self.application(environ, start)

    def told(self) -> dict[str, Any]:
        """What this process has to say about itself."""
        pid = os.getpid()
        if pid not in self.leftovers:  # instep: ignore[IS110] two may look, and see the same
            self.leftovers.setdefault(pid, self._left())
        amplified = self.amplifier.told() if self.amplifier is not None else None
        return {"leftovers": self.leftovers[pid], "amplified": amplified}

    def _left(self) -> list[dict[str, Any]] | None:
        """What is left over from before the fork; None if requests have come first, or it failed.

        A lock that a request holds, or a file that it has opened, would be taken for a leftover.
        """
        if self.forks.answering:
            return None
        try:
            return [leftover.document() for leftover in self.forks.left()]
        except Exception:  # the program is being judged, and is not to suffer from the judge
            logging.getLogger("instep").exception("the fork scan failed")
            return None


def worker() -> list[tuple[str, str]]:
    """The headers that name who answers; under gevent `get_ident` is patched: the greenlet's."""
    pid, thread = os.getpid(), threading.get_ident()
    return [(variables.PID_HEADER, str(pid)), (variables.THREAD_HEADER, str(thread))]


def load(target: str) -> Application:
    """Import what `MODULE:APP` names; `MODULE:create_app("test")` calls a factory.

    Raises:
        Misuse: the module has no such name, or the arguments are not plain literals.
    """
    module_name, _, expression = target.partition(":")
    module = importlib.import_module(module_name)
    node = _parsed(target, expression or "app")
    found: Any = module
    for name in _dotted(target, node.func if isinstance(node, ast.Call) else node):
        if not hasattr(found, name):
            where = getattr(found, "__name__", "") or type(found).__name__
            raise Misuse(f"{target}: {name!r} is not in {where}; name the WSGI application there")
        found = getattr(found, name)
    if isinstance(node, ast.Call):
        found = found(*_literals(target, node), **_keywords(target, node))
    if not callable(found):
        raise Misuse(f"{target} is of type {type(found).__name__}, not a WSGI application")
    application: Application = found
    return application


def _parsed(target: str, expression: str) -> ast.expr:
    try:
        return ast.parse(expression, mode="eval").body
    except SyntaxError:
        raise Misuse(f"{target}: {expression!r} is neither a name nor a call of one") from None


def _dotted(target: str, node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*_dotted(target, node.value), node.attr]
    raise Misuse(f"{target}: write MODULE:APP, MODULE:PACKAGE.APP or MODULE:FACTORY()")


def _literals(target: str, node: ast.Call) -> list[Any]:
    return [_literal(target, argument) for argument in node.args]


def _keywords(target: str, node: ast.Call) -> dict[str, Any]:
    return {str(word.arg): _literal(target, word.value) for word in node.keywords}


def _literal(target: str, node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise Misuse(f"{target}: a factory's arguments must be plain literals") from None


def prepared(target: str, token: str, seed: str | None) -> Target:
    """Load the program, with what watches it set up before.

    Args:
        target: `MODULE:APP`.
        token: sent back at the reserved path.
        seed: of the amplification, if that is wanted.
    """
    root = Path.cwd()
    forks = Forks(root)
    amplifier = _amplifier(int(seed), root) if seed is not None else None
    application = load(target)
    name = target.replace(":", ".")
    forks.loaded(name, application)
    if amplifier is not None:
        amplifier.loaded(name, application)
    return Target(application, token, forks, amplifier)


def _amplifier(seed: int, root: Path) -> "Amplifier":
    """The amplifier, at work; its modules are imported only where it is wanted."""
    from instep.races.amplify import Amplifier

    amplifier = Amplifier(seed, root)
    amplifier.start()
    return amplifier


if variables.TARGET in os.environ:  # inside the server; a test may import this module without
    sys.path.insert(0, os.getcwd())
    application = prepared(
        os.environ[variables.TARGET],
        os.environ[variables.TOKEN],
        os.environ.get(variables.AMPLIFY),
    )
