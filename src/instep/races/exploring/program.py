"""A program on its way into an exploration: loaded under watch, its requests made into calls."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, chdir
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

from instep.errors import Misuse
from instep.races.exploring import suspects
from instep.races.exploring.asking import Asked, ask, keep, parse
from instep.races.exploring.exploring import explore
from instep.races.exploring.forking import aside
from instep.races.exploring.locks import Stage, cooperative
from instep.races.exploring.plan import Answer, Call, Exploration, Limits, Plan
from instep.races.target import load
from instep.races.watching import Watch, watch


@dataclass(frozen=True, slots=True)
class Question:
    """What `instep explore` is asked.

    Args:
        target: the program, `MODULE:APP` or `MODULE:FACTORY()`.
        requests: in the notation of `asking.parse`; one is made twice.
        first: made before, their cookies are sent by all.
        then: made at the end.
        invariant: `MODULE:FUNCTION`.
        reset: `MODULE:FUNCTION`.
        found: the file that `instep check --format json` wrote.
        replay: the id of the only schedule to run.
        chdir: the folder to run in; modules are looked up there first.
        limits: how far to go.
    """

    target: str
    requests: Sequence[str] = ()
    first: Sequence[str] = ()
    then: Sequence[str] = ()
    invariant: str | None = None
    reset: str | None = None
    found: str | None = None
    replay: str | None = None
    chdir: Path = Path()
    limits: Limits = field(default_factory=Limits)


def answered(question: Question) -> list[Exploration]:
    """Explore a program: once for its requests, or once for each pair that `check` suspects.

    Raises:
        Misuse: the program cannot be loaded, or the requests cannot be explored.
    """
    asked = [parse(text) for text in question.requests]
    places = suspects.read(Path(question.found), question.chdir) if question.found else []
    if len(asked) > 3:
        raise Misuse(f"{len(asked)} requests: name at most three")
    if not asked and not places:
        raise Misuse('name two requests, such as "POST /order n=1" "POST /order n=2"')
    groups = [asked * 2 if len(asked) == 1 else asked] if asked else suspects.pairs(places)
    with aside(), ExitStack() as stack:
        program = Program(question, stack)
        results = [program.explored(group, suspects.lines(places)) for group in groups]
    for result in results:
        result.confirmed = tuple(suspects.confirmed(places, result))
    return results


class Program:
    """A program that was imported under watch.

    Args:
        question: what is asked of it.
        stack: undoes what was done to this process.
    """

    def __init__(self, question: Question, stack: ExitStack) -> None:
        self.question = question
        self.jar: dict[str, str] = {}
        stack.enter_context(chdir(question.chdir))
        sys.path.insert(0, os.getcwd())
        stack.callback(sys.path.remove, os.getcwd())
        self.before = threading.enumerate()
        self.application, self.hook = _loaded(question.target, stack)
        _refuse_greenlets()
        _refuse_factory(question.target, self.application)
        self.invariant = _function(question.invariant, "--invariant")
        self.reset = _function(question.reset, "--reset")

    def explored(self, group: Sequence[Asked], lines: frozenset[tuple[str, int]]) -> Exploration:
        """Explore a group of requests."""
        question = self.question
        plan = Plan(
            [self._call(asked) for asked in group],
            self.roots,
            before=[self._call(parse(text), keeps=True) for text in question.first],
            then=[self._call(parse(text)) for text in question.then],
            invariant=self.invariant,
            reset=self.reset,
            limits=question.limits,
            replay=question.replay,
            lines=lines,
        )
        result = explore(plan)
        result.warnings[:0] = self._warnings()
        return result

    def roots(self) -> Iterator[tuple[str, Any]]:
        """The program's own modules, and its application."""
        for name in self.hook.modules:
            if name in sys.modules:
                yield f"{name}:", sys.modules[name].__dict__
        yield "app", self.application

    def _call(self, asked: Asked, *, keeps: bool = False) -> Call:
        def call() -> Answer:
            answer = ask(self.application, asked, self.jar)
            if keeps:
                keep(self.jar, answer)
            return answer

        return Call(str(asked), call)

    def _warnings(self) -> Iterator[str]:
        threads = [t.name for t in threading.enumerate() if t not in self.before and t.is_alive()]
        if threads:
            yield (
                f"threads that the program started at import ({', '.join(threads[:3])}) do not run "
                "in the schedules: only requests do"
            )
        for path, why in list(self.hook.failed.items())[:2]:
            yield f"{path} could not be instrumented ({why}): what it does is not seen"
        if not self.hook.modules:
            yield (
                f"no module of the program is below {os.getcwd()}: nothing of it is seen; "
                "name its folder with --chdir"
            )


def _loaded(target: str, stack: ExitStack) -> tuple[Callable[..., Any], Watch]:
    """Import the program, its locks cooperative and its modules instrumented."""
    stack.enter_context(cooperative())
    stack.callback(setattr, Stage, "daemons", Stage.daemons)
    Stage.daemons = True  # a thread that runs for ever would keep the command from its end
    hook = stack.enter_context(watch([Path.cwd()], None))
    name = target.partition(":")[0]
    if "/" in name or name.endswith(".py"):
        file = Path(name)
        raise Misuse(
            f"{target} names a file; name the module, and --chdir FOLDER if it is elsewhere: "
            f"{file.stem}:{target.partition(':')[2] or 'app'}"
        )
    try:
        return load(target), hook
    except Misuse:
        raise
    except ModuleNotFoundError as error:
        absent = error.name if type(error) is ModuleNotFoundError else None  # no package's metadata
        if absent and (name == absent or name.startswith(f"{absent}.")):
            raise Misuse(
                f"{target}: there is no module {absent} in {Path.cwd()} or on the path; "
                "write MODULE:APP, and --chdir FOLDER if it is elsewhere"
            ) from None
        raise Misuse(f"{target} cannot be imported: {_short(error)}") from None
    except TypeError as error:
        if target.endswith(")") or _frames(error) < 3:
            raise Misuse(
                f"{target}: the call failed: {error}; give a factory its arguments as plain "
                "literals: MODULE:create_app('test')"
            ) from None
        raise Misuse(f"{target} cannot be imported: {_short(error)}") from None
    except (Exception, SystemExit) as error:
        raise Misuse(f"{target} cannot be imported: {_short(error)}") from None


def _frames(error: BaseException) -> int:
    return len(traceback.extract_tb(error.__traceback__))


def _short(error: BaseException) -> str:
    """The program's own error: what, and where in the program."""
    if isinstance(error, SyntaxError):
        version = ".".join(map(str, sys.version_info[:2]))
        return f"{error.msg} ({error.filename}:{error.lineno}), as Python {version} reads it"
    here = str(Path.cwd())
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(here)]
    where = f" ({own[-1].filename}:{own[-1].lineno}: {own[-1].line})" if own else ""
    told = str(error).strip() or "no message"
    return f"{type(error).__name__}: {told}{where}"


def _refuse_greenlets() -> None:
    """A program whose threads are greenlets cannot be scheduled as threads.

    Raises:
        Misuse: gevent has patched the threads.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and (
        monkey.is_module_patched("threading") or monkey.is_module_patched("thread")
    ):
        raise Misuse(
            "the program patches threads with gevent, and explore needs real ones: load it without "
            "monkey.patch_all(), or prove it under the server: instep prove --server gevent"
        )


def _refuse_factory(target: str, application: Callable[..., Any]) -> None:
    """A factory that was not called is no application.

    Raises:
        Misuse: it does not take an environ and a start_response.
    """
    if not isinstance(application, FunctionType):
        return
    signature = inspect.signature(application)
    if not signature.parameters:
        raise Misuse(f"{target} takes no arguments, so it is a factory; call it: {target}()")
    try:
        signature.bind({}, None)
    except TypeError:
        raise Misuse(
            f"{target} takes {signature}, so it is no WSGI application; if it makes one, call it "
            "with plain literals: MODULE:create_app('test')"
        ) from None


def _function(target: str | None, option: str) -> Callable[[], Any] | None:
    if target is None:
        return None
    module, _, name = target.partition(":")
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise Misuse(f"{option} {target}: {error}; write MODULE:FUNCTION") from None
    if not callable(found):
        raise Misuse(f"{option} {target} is of type {type(found).__name__}, not a function")
    function: Callable[[], Any] = found
    return function
