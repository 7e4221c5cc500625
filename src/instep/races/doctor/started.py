"""How a program serves itself: `app.run(…)`, waitress' `serve(app)`, gevent's `WSGIServer`."""

from __future__ import annotations

import ast

from instep.races.doctor.expressions import Unknown, evaluate
from instep.races.doctor.settings import UNBOUNDED, Settings


def served_by(text: str, where: str) -> Settings | None:
    """What the program starts when it is run as a script, or None.

    Example:
        >>> found = served_by("from waitress import serve\\nserve(app, threads=8)", "run.py")
        >>> found.server, found.threads, found.where
        ('waitress', 8, 'run.py:2')
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    calls = sorted((n for n in ast.walk(tree) if isinstance(n, ast.Call)), key=lambda n: n.lineno)
    found = [settings for call in calls if (settings := _server(call, text, where))]
    return min(found, key=lambda settings: settings.server == "flask", default=None)


def _server(call: ast.Call, text: str, where: str) -> Settings | None:
    name = ast.unparse(call.func).rpartition(".")[2]
    owner = ast.unparse(call.func).rpartition(".")[0]
    place = f"{where}:{call.lineno}"
    if name == "serve" and "waitress" in text:
        return Settings("waitress", 1, _number(call, "threads", 4), where=place)
    if name == "WSGIServer" and "gevent" in text:
        return Settings("gevent", 1, UNBOUNDED, "gevent", where=place)
    if name == "run" and (owner.endswith(("app", "application", "socketio", "server", "()"))):
        if "socketio" in owner:
            kind = next((kind for kind in ("gevent", "eventlet") if kind in text), None)
            return Settings("flask-socketio", 1, UNBOUNDED, kind, where=place)
        threaded = _number(call, "threaded", 1)
        processes = _number(call, "processes", 1)
        return Settings("flask", processes, UNBOUNDED if threaded else 1, where=place)
    return None


def _number(call: ast.Call, word: str, default: int) -> int:
    for keyword in call.keywords:
        if keyword.arg == word:
            try:
                return int(evaluate(keyword.value, {}))
            except (Unknown, TypeError, ValueError):
                return default
    return default
