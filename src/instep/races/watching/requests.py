"""Where a request begins and ends: the WSGI callables of a program under test.

Flask's own way in is wrapped while the watch lasts, and so is werkzeug's test client, for programs
that are plain callables. Neither is imported: what is not there needs no wrapping, and what comes
later is wrapped when it is there. A request lasts until its answer has been consumed and closed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from instep.races.watching.actors import CURRENT, Actor, running
from instep.races.watching.lockset import Lockset

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Answer:
    """An answer that is made while it is read: its code belongs to the request."""

    def __init__(self, lockset: Lockset, actor: Actor, parts: Iterable[bytes]) -> None:
        self.lockset = lockset
        self.actor = actor
        self.parts = parts
        self.iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Answer:
        return self

    def __next__(self) -> bytes:
        with running(self.actor):
            if self.iterator is None:
                self.iterator = iter(self.parts)
            return next(self.iterator)

    def close(self) -> None:
        """The server, or the test, is done with it."""
        try:
            with running(self.actor):
                close = getattr(self.parts, "close", None)
                if close is not None:
                    close()
        finally:
            self.lockset.finish(self.actor)


def name_of(environ: dict[str, Any]) -> str:
    """A request in words: its method, its path, and the test that made it."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    asked = f"{environ.get('REQUEST_METHOD', '?')} {environ.get('PATH_INFO') or '/'}"
    return f"{asked} in {test.rpartition('::')[2]}" if test else asked


def serve(
    lockset: Lockset, application: Application, environ: dict[str, Any], start: Callable[..., Any]
) -> Iterable[bytes]:
    """Let an application answer, as one request; one that is asked by another is part of it."""
    if CURRENT.get() is not None:
        return application(environ, start)
    lockset.flush()
    lockset.requests += 1
    actor = Actor(name_of(environ))
    try:
        with running(actor):
            parts = application(environ, start)
    except BaseException:
        lockset.finish(actor)
        raise
    lockset.leave(actor)
    return Answer(lockset, actor, parts)


class Doors:
    """The ways in, wrapped.

    Args:
        lockset: that is told of requests.
    """

    def __init__(self, lockset: Lockset) -> None:
        self.lockset = lockset
        self._undo: dict[str, Callable[[], None]] = {}

    def open(self) -> None:
        """Wrap what has been imported by now and is not wrapped yet."""
        if "flask" not in self._undo:
            self._wrap_flask()
        if "client" not in self._undo:
            self._wrap_client()

    def _wrap_flask(self) -> None:
        flask: Any = sys.modules.get("flask.app")
        if flask is None or not hasattr(flask, "Flask"):
            return
        native, lockset = flask.Flask.wsgi_app, self.lockset

        def wsgi_app(self: Any, environ: Any, start_response: Any) -> Any:
            lockset.asked(self, f"the application of {self.import_name}")
            return serve(lockset, native.__get__(self), environ, start_response)

        flask.Flask.wsgi_app = wsgi_app
        self._undo["flask"] = lambda: setattr(flask.Flask, "wsgi_app", native)

    def _wrap_client(self) -> None:
        if "werkzeug" in sys.modules and find_spec("werkzeug.test"):
            import_module("werkzeug.test")  # it is about to be, by the first test client
        test: Any = sys.modules.get("werkzeug.test")
        if test is None or not hasattr(test, "run_wsgi_app"):
            return
        native, lockset = test.run_wsgi_app, self.lockset

        def run_wsgi_app(app: Any, environ: Any, *args: Any, **words: Any) -> Any:
            def asked(environ: Any, start_response: Any) -> Any:
                return serve(lockset, app, environ, start_response)

            return native(asked, environ, *args, **words)

        test.run_wsgi_app = run_wsgi_app
        self._undo["client"] = lambda: setattr(test, "run_wsgi_app", native)

    def close(self) -> None:
        """Everything as it was."""
        while self._undo:
            self._undo.popitem()[1]()
