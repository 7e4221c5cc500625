"""Flask's sessions in a space: on every worker, and without lost updates.

    Sessions(app)

`session` is `flask.session` itself, for type checkers, which then know `rotate` and `transaction`.
"""

from typing import cast

import flask

from .extension import Sessions
from .state import Session

session = cast(Session, flask.session)

__all__ = ["Session", "Sessions", "session"]
