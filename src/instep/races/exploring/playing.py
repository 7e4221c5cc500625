"""One schedule, played in a forked process from the first request to the last answer."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from itertools import islice
from types import ModuleType
from typing import Any

from instep.errors import Misuse
from instep.races.exploring import locks, naming, telling, windows
from instep.races.exploring.choosing import Policy
from instep.races.exploring.forking import Failed, forked
from instep.races.exploring.plan import Plan, Run, Spot
from instep.races.exploring.seeing import Seen
from instep.races.exploring.turns import Turns
from instep.races.watching.probe import listen

CHANGING = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link")
"""Events that tell of changes to a folder."""


class Stage:
    """Plays schedules of one plan.

    Args:
        plan: what to play.
        names: of objects, found before anything ran.
    """

    def __init__(self, plan: Plan, names: naming.Names) -> None:
        self.plan = plan
        self.names = names
        self.spots: frozenset[Spot] = frozenset()
        self.watched: frozenset[naming.Watched] = frozenset()

    def learn(self, run: Run) -> bool:
        """Take over what a run has found; whether anything was new."""
        found = run.spots
        if self.plan.lines:
            found = frozenset(spot for spot in found if spot[:2] in self.plan.lines)
        for path in {path for path, _, _ in run.spots} | {line.path for line in run.story}:
            windows.prepare(path)
        for module in run.imported:
            _import(module)
        new = bool(found - self.spots or run.watched - self.watched)
        self.spots |= found
        self.watched |= run.watched
        return new

    def play(self, policy: Policy) -> Run:
        """Run one schedule, and tell everything of it."""
        limit = self.plan.limits.timeout
        try:
            return telling.heard(forked(lambda: self._played(policy), limit + 1))
        except Failed as failed:
            outcome = {
                "answers": [],
                "then": [],
                "state": {},
                "words": {},
                "invariant": str(failed),
            }
            return Run(outcome, hangs=True)

    def _played(self, policy: Policy) -> dict[str, Any]:
        """What the child does."""
        plan, outside, modules = self.plan, _Outside(), len(sys.modules)
        if plan.reset:
            _reset(plan.reset)
        for call in plan.before:
            call.call()
        sys.addaudithook(outside)
        turns = Turns([(call.name, call.call) for call in plan.calls], policy)
        seen = Seen(turns, self.spots)
        locks.Stage.turns, locks.Stage.seen = turns, seen
        listen(seen)
        turns.run(plan.limits.timeout)
        listen(None)
        locks.Stage.turns = None
        told = self._told(turns, seen)
        told["outside"] = outside.found
        told["imported"] = _imported(len(sys.modules) - modules)
        stuck = turns.overdue or bool(turns.waits)
        told["outcome"]["then"] = [] if stuck else [call.call() for call in plan.then]
        told["outcome"]["invariant"] = None if stuck else _broken(plan.invariant)
        return told

    def _told(self, turns: Turns, seen: Seen) -> dict[str, Any]:
        self.names.walk()
        shared = telling.shared(seen, self.names)
        watched = self.watched | telling.watched(seen, self.names)
        state, words = naming.state(self.names, watched)
        return {
            "outcome": {
                "answers": [actor.answer for actor in turns.actors[: turns.asked]],
                "state": state,
                "words": words,
            },
            "moves": telling.moves(turns),
            "story": telling.story(seen, shared, self.names),
            "names": [actor.name for actor in turns.actors],
            "waits": telling.waits(turns, seen, self.names),
            "hangs": turns.overdue,
            "misfits": turns.policy.misfits,
            "spots": sorted(seen.sharing.open_spots()),
            "watched": sorted(watched),
            "accesses": seen.accesses,
            "alone": turns.left_alone,
            "refused": seen.refused,
        }


def _imported(count: int) -> list[str]:
    """The newest modules, those of the program left out: their import is a part of its run."""
    newest = list(islice(reversed(sys.modules), max(count, 0)))
    return [name for name in reversed(newest) if _is_foreign(sys.modules[name])]


def _is_foreign(module: ModuleType) -> bool:
    path = getattr(module, "__file__", None)
    return isinstance(path, str) and naming.is_abroad(path)


def _import(name: str) -> None:
    """Import a library's module before the forks, each of which would have to do it again."""
    with suppress(Exception), redirect_stdout(sys.stderr):
        importlib.import_module(name)


def _reset(reset: Callable[[], Any]) -> None:
    """Put back what the user's function puts back.

    Raises:
        Misuse: it cannot.
    """
    try:
        reset()
    except Exception as error:
        raise Misuse(f"--reset raised {type(error).__name__}: {error}") from error


def _broken(invariant: Callable[[], Any] | None) -> str | None:
    """What an invariant says, if it does not hold."""
    if invariant is None:
        return None
    try:
        held = invariant()
    except AssertionError as error:
        return str(error) or "AssertionError"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None if held or held is None else f"it returned {held!r}"


class _Outside:
    """An audit hook: notes what a program does outside of its memory."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, str | bytes) or not flags & (os.O_WRONLY | os.O_RDWR):
                return
            path = os.fsdecode(path)
            if not path.startswith(("/dev/", "/proc/")) and not path.endswith(".pyc"):
                self._note(f"the file {path}")
        elif event in CHANGING:
            self._note(f"the path {os.fsdecode(arguments[0])}")
        elif event == "sqlite3.connect":
            if arguments[0] != ":memory:":
                self._note(f"the database {arguments[0]}")
        elif event == "socket.connect":
            self._note(f"a connection to {arguments[1]}")

    def _note(self, what: str) -> None:
        if what not in self.found and len(self.found) < 5:
            self.found.append(what)
