"""Watching a program: its own modules, instrumented as they are imported, tell what they touch."""

from instep.races.watching.hook import Watch, instrument, watch
from instep.races.watching.probe import WHOLE, Listener
from instep.races.watching.sites import Site

__all__ = ["WHOLE", "Listener", "Site", "Watch", "instrument", "watch"]
