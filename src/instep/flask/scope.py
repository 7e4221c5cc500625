"""Resources in Flask programs: those of the current application, and those of the request on `g`.

How it stays right. A request's scope lies on `flask.g` and stays there after it has ended, so that
a late use finds an ended scope, and does not begin one that nobody would close. Only when its
context begins once more, for a streamed body, there is a new one, which ends with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask.ctx import AppContext
from flask.globals import app_ctx

from flask import Flask, appcontext_pushed, g, has_request_context, request

from ..resources.declaring import Resources
from ..resources.lifetimes import Lifetimes
from ..resources.scope import Scope, raised, told

_LIFETIMES = "instep_lifetimes"  # beside the extension itself in app.extensions
_SCOPE = "_instep_scope"  # on g
current: Callable[[], AppContext] = app_ctx._get_current_object  # type: ignore[attr-defined]
"""The context, a few times as fast as an attribute of a proxy."""


def close_resources(app: Flask) -> None:
    """Close what an application has, in its process and in this thread."""
    raised(app.extensions[_LIFETIMES].close())


class FlaskResources(Resources):
    """Resources that live as long as an application, and as one of its requests."""

    def bound(self) -> dict[str, Any]:
        """The extensions of the application that is current, this one among them."""
        raise NotImplementedError

    def lifetimes(self) -> Lifetimes:
        lifetimes: Lifetimes = self.bound()[_LIFETIMES]
        return lifetimes

    def _process_scope(self) -> Scope:
        extensions = self.bound()  # a method less than by way of `lifetimes`
        scope: Scope = extensions[_LIFETIMES].process
        return scope

    def request_scope(self) -> Scope | None:
        try:
            here = current().g
        except RuntimeError:  # no application is current
            return super().request_scope()
        try:
            scope: Scope = here._instep_scope
        except AttributeError:
            scope = self.lifetimes().begin("request")
            setattr(here, _SCOPE, scope)
        return scope

    def in_scope(self) -> bool:
        return bool(g) or super().in_scope()

    def whereabouts(self) -> str:
        return f"{request.method} {request.path}" if has_request_context() else ""

    @contextmanager
    def _entered(self, scope: Scope) -> Iterator[None]:
        if not g:
            with super()._entered(scope):
                yield
            return
        outer = g.get(_SCOPE)
        setattr(g, _SCOPE, scope)
        try:
            yield
        finally:
            setattr(g, _SCOPE, outer) if outer is not None else g.pop(_SCOPE)

    def _bind(self, app: Flask) -> None:
        """Let an application have resources of its own, and close its requests'."""
        lifetimes = app.extensions[_LIFETIMES] = Lifetimes()
        appcontext_pushed.connect(_begin_anew, app)

        @app.teardown_appcontext
        def close(_: BaseException | None) -> None:
            scope = g.get(_SCOPE)
            if scope is not None:  # errors are logged: they must not take an answer from its client
                told(lifetimes.end(scope))


def _begin_anew(_: Flask) -> None:
    """Flask, since 3.1.2, ends a context before a streamed body begins, and pushes it again."""
    here = current().g
    scope: Scope | None = here.get(_SCOPE)
    if scope is not None and scope.ended:
        here.pop(_SCOPE)
