"""The Flask extension: a space whose store is the current application's."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ServiceUnavailable

from flask import Flask, current_app

from ..errors import Conflict, InstepError, LockTimeout, Misuse, PoolTimeout
from ..space import Settings, Space
from ..stores.base import Engine
from ..transaction import Opened
from .commands import commands
from .scope import FlaskResources, close_resources, current

log = logging.getLogger("instep")

_SETTINGS = "instep_settings"  # beside the extension itself in app.extensions
RETRY_AFTER = 1  # seconds; what a client is told to wait after a LockTimeout


def configured(app: Flask, config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The URL and the limits that a configuration has, or the defaults for an application."""
    default = f"lmdb:{quote(str(Path(app.instance_path) / 'instep'))}"
    url = config.get("INSTEP_URL") or os.environ.get("INSTEP_URL") or default
    timeout = config.get("INSTEP_TIMEOUT", 10.0)
    return url, {"timeout": timeout, "max_record": config.get("INSTEP_MAX_RECORD", 1 << 20)}


class Instep(FlaskResources, Space):
    """A `Space` for Flask programs, on the store of the application that is current.

    `share`, `family`, `counter`, `value`, `mapping`, `lock` and the rest work as they do there.

    Configuration, read once in `init_app`:

    - `INSTEP_URL`: the store's URL; if it is not set, the environment's variable of that name, else
      the embedded store in the folder `instep` of the application's instance path.
    - `INSTEP_TIMEOUT`: the longest wait for an object that somebody else holds, in seconds (10).
    - `INSTEP_MAX_RECORD`: the largest record, in bytes (1 MiB).

    A `LockTimeout` (or `PoolTimeout`) that a view does not catch becomes a 503 with a Retry-After
    header.

    Args:
        app: the application, or None to call `init_app` later; objects may be declared before it.

    Example:
        >>> from flask import Flask
        >>> from instep.flask import Instep
        >>> shared = Instep()
        >>> hits = shared.counter("hits")
        >>> def create_app() -> Flask:
        ...     app = Flask(__name__)
        ...     app.config["INSTEP_URL"] = "memory:"
        ...     shared.init_app(app)
        ...     app.get("/")(lambda: f"visit {hits.increment()}")
        ...     return app
        >>> create_app().test_client().get("/").text
        'visit 1'
    """

    def __init__(self, app: Flask | None = None) -> None:
        self._apps: WeakSet[Flask] = WeakSet()
        self._begin()
        if app is not None:
            self.init_app(app)

    def __repr__(self) -> str:
        return (
            f"<Instep of {', '.join(sorted(app.name for app in self._apps)) or 'no application'}>"
        )

    def init_app(self, app: Flask) -> None:
        """Bind an application: read its configuration, add the commands and the error handler.

        Raises:
            Misuse: the configuration cannot be right, or the application has another `Instep`.
        """
        if app.extensions.get("instep", self) is not self:
            raise Misuse(
                f"the application {app.name!r} has an Instep already: declare every object on it"
            )
        url, limits = configured(app, app.config)
        settings = Settings(url, **limits)
        if "instep" in app.extensions:
            return
        for name, declared in self._declared.items():
            declared.check(name, settings.engine)
        self._apps.add(app)
        app.extensions["instep"], app.extensions[_SETTINGS] = self, settings
        # The application's own handler wins, whether it was registered before or comes later.
        for late in (LockTimeout, PoolTimeout):
            app.error_handler_spec[None][None].setdefault(late, _busy)
        self._bind(app)
        app.shell_context_processor(lambda: {"shared": self})
        app.cli.add_command(commands)

    def opened(self) -> Opened:
        settings: Settings = self.bound()[_SETTINGS]
        return settings.now or settings.opened()

    def bound(self) -> dict[str, Any]:
        try:
            extensions = current().app.extensions
        except RuntimeError:
            return self._outside().extensions
        if extensions.get("instep") is not self:
            raise Misuse(
                f"the application {current_app.name!r} is current, and this Instep is not "
                "bound to it: call init_app(app) where the application is made"
            )
        return extensions

    def engines(self) -> list[Engine]:
        return [app.extensions[_SETTINGS].engine for app in list(self._apps)]

    def _close(self) -> None:
        with ExitStack() as stack:  # one that fails does not keep the others open
            for app in list(self._apps):
                stack.callback(app.extensions[_SETTINGS].close)
                stack.callback(close_resources, app)

    def _outside(self) -> Flask:
        if len(self._apps) != 1:
            raise Misuse(self._unbound()) from None
        [app] = self._apps
        return app

    def _unbound(self) -> str:
        if not self._apps:
            return "no application is bound to this Instep: call init_app(app) first"
        return (
            f"{len(self._apps)} applications are bound to this Instep and none is current: "
            "do this inside `with app.app_context():`"
        )


def _busy(error: LockTimeout) -> ResponseReturnValue:
    """Somebody held an object for too long: the client may come again."""
    log.warning("instep: %s", error)
    for kind in (Conflict, InstepError):
        handler = current_app.error_handler_spec[None][None].get(kind)
        if handler is not None:
            answer: ResponseReturnValue = current_app.ensure_sync(handler)(error)
            return answer
    unavailable = ServiceUnavailable(
        "Somebody else is changing this at the moment.", retry_after=RETRY_AFTER
    )
    # The application's own page for a 503, if it has one.
    response = current_app.handle_http_exception(unavailable)
    return unavailable.get_response() if response is unavailable else response
