"""Shared objects in Flask programs: `shared = Instep(app)`, or `Instep()` and `init_app`."""

from .extension import Instep

__all__ = ["Instep"]
