"""The extension: `Sessions(app)` puts the sessions of an application into a space."""

from __future__ import annotations

from markupsafe import Markup

from flask import Flask

from ...declarations import Declared
from ...errors import Misuse
from ...objects.names import encoded
from ...space import Space
from .interface import Interface
from .records import Records
from .settings import Settings, read

_KIND = Declared("sessions", None, volatile=True)


class Sessions:
    """Server-side sessions in which requests of one user do not overwrite each other.

    Configuration, read once in `init_app`; Flask's own `SESSION_COOKIE_*`,
    `SESSION_REFRESH_EACH_REQUEST` and `PERMANENT_SESSION_LIFETIME` count as well:

    - `SESSION_KEY_PREFIX`: the name that they have in the space ("session").
    - `SESSION_PERMANENT`: whether a new session is permanent (False).
    - `SESSION_ID_LENGTH`: random bytes in an id (32).

    Args:
        app: the application, or None to call `init_app` later.
        space: where sessions are kept; if it is not given, the application's `Instep`.

    Raises:
        Misuse: as for `init_app`.

    Example:
        >>> from flask import Flask, session
        >>> from instep.flask import Instep
        >>> from instep.integrations.session import Sessions
        >>> app = Flask(__name__)
        >>> app.config.update(SECRET_KEY="dev", INSTEP_URL="memory:")
        >>> shared = Instep(app)
        >>> sessions = Sessions(app)
        >>> @app.get("/")
        ... def home() -> str:
        ...     session.setdefault("seen", []).append("home")
        ...     return f"{len(session['seen'])}"
        >>> client = app.test_client()
        >>> client.get("/").text, client.get("/").text
        ('1', '2')
    """

    def __init__(self, app: Flask | None = None, space: Space | None = None) -> None:
        self._space = space
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Keep the sessions of an application in the space.

        Args:
            app: the application; if no space was given its `Instep` is bound to it already.

        Raises:
            Misuse: the configuration cannot be right, there is no space, or something else has the
                sessions' name.
        """
        settings = read(app.config)
        space = self._space or _space_of(app)
        _declare(space, settings)
        records = Records(space, settings.name, settings.entropy)
        app.session_interface = Interface(records, settings)


def _space_of(app: Flask) -> Space:
    space: Space | None = app.extensions.get("instep")
    if space is None:
        raise Misuse(
            f"the application {app.name!r} has no Instep yet: make Instep(app) first, or give "
            "Sessions a space"
        )
    return space


def _declare(space: Space, settings: Settings) -> None:
    """Take the name, as any declaration does; `flash` puts Markup into sessions."""
    encoded(settings.name)
    before = space.declared().setdefault(settings.name, _KIND)
    if not before.agrees(_KIND):
        raise Misuse(
            f"{settings.name!r} is declared as {before}, so sessions cannot be under that name: "
            "set SESSION_KEY_PREFIX to another one"
        )
    space.declare(Markup)
