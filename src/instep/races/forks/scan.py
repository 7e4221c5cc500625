"""The fork scan: what was made before the server forked, and is still there in its workers.

How it stays right. What was open before the program was loaded is the server's own. What the
program opened while it was loaded, and what is still the same open file or connection (the same
inode, not just the same number) in a worker before its first request, is shared with every other
worker. By then the program's own after-fork hooks have run, so what they mended is not blamed.
Only the locks are looked at twice: those that were held right after the fork, and still are.
Whoever asks touches nothing: no connection is used, no offset moves, no code of the program runs.
"""

import os
import random
from contextlib import suppress
from pathlib import Path

from instep.races.forks import compare
from instep.races.forks.descriptors import Open, described, descriptors
from instep.races.forks.leftover import Leftover
from instep.races.forks.reach import Own, Step, walk
from instep.races.forks.threads import Ran, held, living


class Forks:
    """What there was in the process that loaded the program, to be compared with what is here.

    Args:
        root: the program's folder.
    """

    def __init__(self, root: Path) -> None:
        self.own = Own(root)
        self.pid = os.getpid()
        self.answering = False
        """Set once requests are answered here: whoever forks then is the program, not a server."""
        self.others: dict[str, object] = {"random": random._inst}
        self._before = descriptors()
        self._earlier = {ran.thread() for ran in living()}
        self._opened: dict[int, Open] = {}
        self._databases: dict[int, bool] = {}
        self._states: dict[int, int] = {}
        self._threads: list[Ran] = []
        self._taken: set[int] | None = None

    def loaded(self, name: str, application: object) -> None:
        """Note what the program has made; to be called once it is loaded.

        Args:
            name: of the application, as it would be written.
            application: what answers.
        """
        self.others[name] = application
        now = descriptors()
        self._opened = {n: each for n, each in now.items() if self._before.get(n) != each}
        for step in self._steps():
            self._note(step)
        self._note_threads()
        os.register_at_fork(before=self._note_threads, after_in_child=self._note_locks)

    def _note(self, step: Step) -> None:
        """Remember one thing, if it is of a kind that a fork does not copy well."""
        if step.safe:  # a resource lets go of what it made in another process, and makes it anew
            self._opened.pop(compare.number(step.thing), None)
        if compare.is_database(step.thing):
            self._databases[id(step.thing)] = step.safe
        elif (state := compare.state(step.thing)) is not None:
            self._states[id(step.thing)] = state

    def left(self) -> list[Leftover]:
        """What is left over in this process; nothing in the one that loaded the program."""
        if os.getpid() == self.pid:
            return []
        own, steps = self.own.modules(), self._steps()
        still = {n: each for n, each in self._opened.items() if described(n) == each}
        taken = self._held(steps)
        found = {
            *compare.connections(steps, still, own),
            *compare.databases(steps, still, own, self._databases),
            *compare.files(steps, still, own),
            *compare.generators(steps, own, self._states),
            *compare.locks(steps, own, taken if self._taken is None else taken & self._taken),
            *compare.threads(steps, own, self._threads, living()),
        }
        return sorted(found)

    def _note_threads(self) -> None:
        """Before a fork, where the server tells of it; and once beforehand, as some do not."""
        if os.getpid() == self.pid and not self.answering:
            self._threads = [ran for ran in living() if ran.thread() not in self._earlier]

    def _note_locks(self) -> None:
        """Right after a fork, in the new process."""
        if os.getppid() == self.pid and not self.answering:
            with suppress(Exception):  # nothing of ours may be raised into the program
                self._taken = self._held(self._steps())

    def _held(self, steps: list[Step]) -> set[int]:
        """The locks whose owner the fork left behind."""
        gone = {ran.ident for ran in self._threads}
        return {id(step.thing) for step in steps if held(step.thing, gone)}

    def _steps(self) -> list[Step]:
        return list(walk(self.own.modules(), self.others))
