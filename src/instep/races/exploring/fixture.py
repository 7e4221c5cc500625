"""The `race` fixture: explore plain callables or requests from within a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from instep.errors import Misuse
from instep.races.exploring import late, naming, story
from instep.races.exploring.asking import Asked, ask, parse, raised
from instep.races.exploring.exploring import explore
from instep.races.exploring.locks import cooperative
from instep.races.exploring.plan import Answer, Call, Exploration, Limits, Plan


class Race:
    """Explores what a test gives it; a violation is an AssertionError that tells the story.

    Locks that are made while it is open wait for turns, so open it before what is tested is made:
    the fixture does.

    Args:
        roots: folders of the program's own modules; the current one, if there is none.

    Example:
        >>> with Race() as race:
        ...     found = race.calls(lambda: 1, lambda: 2)
        >>> found.violation is None
        True
    """

    def __init__(self, roots: Sequence[Path] = ()) -> None:
        self._roots = roots
        self._stack = ExitStack()

    def _where(self) -> str:
        return " or ".join(dict.fromkeys(map(str, self._roots or [Path.cwd()])))

    def __enter__(self) -> Self:
        self._stack.enter_context(cooperative())
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def calls(
        self,
        *functions: Callable[[], Any],
        invariant: Callable[[], Any] | None = None,
        reset: Callable[[], Any] | None = None,
        modules: Iterable[ModuleType] | None = None,
        **limits: Any,
    ) -> Exploration:
        """Explore two or three callables at the same time.

        Args:
            functions: called without arguments; what they return or raise is compared.
            modules: whose code is watched; without, all that is imported from below the roots.
            invariant: called at the end; false or an AssertionError is a violation.
            reset: called first in every schedule.
            limits: of `Limits`: `schedules`, `seconds`, `timeout`, `preemptions`, `random`, `seed`.

        Raises:
            AssertionError: a schedule equals no sequential order; the story is in its text.
            Misuse: the calls cannot be explored, or all of them failed in every schedule.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test, and the story
        calls = [Call(_name(function), called(function)) for function in functions]
        roots = [(_name(function), function) for function in functions]
        with late.instrumented(modules, self._roots) as named:
            plan = Plan(
                calls,
                lambda: [*roots, *named],
                invariant=invariant,
                reset=reset,
                limits=Limits(**limits),
            )
            return _judged(plan)

    def requests(
        self,
        *requests: str,
        app: Callable[..., Any],
        then: tuple[str, ...] = (),
        invariant: Callable[[], Any] | None = None,
        reset: Callable[[], Any] | None = None,
        **limits: Any,
    ) -> Exploration:
        """Explore two or three requests to a WSGI application at the same time.

        Args:
            requests: such as `"/"` or `'POST /order {"item": 3}'`.
            app: the application.
            then: requests that are made at the end; their answers count.
            invariant: called at the end; false or an AssertionError is a violation.
            reset: called first in every schedule.
            limits: of `Limits`.

        Raises:
            AssertionError: a schedule equals no sequential order; the story is in its text.
            Misuse: the requests cannot be explored, or all of them failed in every schedule.
        """
        __tracebackhide__ = True
        calls = [Call(str(asked), _asked(app, asked)) for asked in map(parse, requests)]
        after = [Call(str(asked), _asked(app, asked)) for asked in map(parse, then)]
        with late.instrumented(roots=self._roots) as named:
            if not named:
                raise Misuse(
                    f"no module of the program is below {self._where()}: nothing of it would be "
                    "seen; name its folder to pytest with --rootdir"
                )
            plan = Plan(
                calls,
                lambda: [*named, ("app", app)],
                then=after,
                invariant=invariant,
                reset=reset,
                limits=Limits(**limits),
            )
            return _judged(plan)


def _judged(plan: Plan) -> Exploration:
    __tracebackhide__ = True
    result = explore(plan)
    told = "\n".join([*story.told(result, command=False), *result.warnings])
    if result.violation:
        raise AssertionError(told)
    if result.failed:
        raise Misuse(told)
    return result


def _name(function: Any) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return str(name).strip("<>")


def called(function: Callable[[], Any]) -> Callable[[], Answer]:
    """A callable whose returned value, or error, is an answer."""

    def call() -> Answer:
        try:
            returned = function()
        except BaseException as error:
            return raised(error)
        return {"what": "returned", "body": naming.digest(returned), "headers": [], "told": ""}

    return call


def _asked(app: Callable[..., Any], asked: Asked) -> Callable[[], Answer]:
    return lambda: ask(app, asked, {})
