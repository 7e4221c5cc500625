"""Shared objects in Flask programs: `shared = Instep(app)`, or `Instep()` and `init_app`."""

try:
    from .extension import Instep
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] != "flask":
        raise
    raise ImportError("instep.flask needs Flask: pip install 'instep[flask]'") from None

__all__ = ["Instep"]
