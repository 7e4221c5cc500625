"""How soon does `race.calls` confirm small races, and does frontrun's random strategy agree?

    .venv/bin/python -m benchmarks.finder.explored
    frontrun python -m benchmarks.finder.explored --frontrun      # where that is installed

The times are those of processors, of this process and all that it forked, so that a busy machine
tells the same as an idle one. frontrun (no dependency of ours) is asked the same question of the
same cases: is the outcome that of some order?
"""

import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.finder import small
from instep.races.exploring.exploring import explore
from instep.races.exploring.fixture import called
from instep.races.exploring.late import instrumented
from instep.races.exploring.locks import cooperative
from instep.races.exploring.plan import Call, Exploration, Limits, Plan


def spent() -> float:
    """Seconds of a processor, here and in the children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def ours(case: type[Any]) -> tuple[Exploration, float]:
    """What our explorer says, and the processor's time that it took."""
    begin = spent()
    with cooperative(), instrumented([small]) as named:
        thing = case()
        calls = [Call(name, called(getattr(thing, name))) for name in ("first", "second")]
        roots = [("thing", thing), *named]
        result = explore(Plan(calls, lambda: roots, limits=Limits(random=0)))
    return result, spent() - begin


def orders(case: type[Any]) -> list[Any]:
    """The outcomes of both sequential orders."""
    found = []
    for names in (("first", "second"), ("second", "first")):
        thing = case()
        answers = {name: _answer(getattr(thing, name)) for name in names}
        found.append((sorted(answers.items()), _state(thing)))
    return found


def theirs(case: type[Any]) -> str:
    """What frontrun's random strategy says."""
    allowed = orders(case)

    def setup() -> Any:
        thing = case()
        thing.answers = {}
        return thing

    def thread(name: str) -> Callable[[Any], None]:
        def run(thing: Any) -> None:
            thing.answers[name] = _answer(getattr(thing, name))

        return run

    def holds(thing: Any) -> bool:
        return (sorted(thing.answers.items()), _state(thing)) in allowed

    found = import_module("frontrun.bytecode").explore_random(
        setup, [thread("first"), thread("second")], holds,
        max_attempts=300, seed=7, reproduce_on_failure=0, deadlock_timeout=1.0,
    )  # fmt: skip
    return "holds" if found.property_holds else f"violation ({found.num_explored} tries)"


def _answer(call: Callable[[], Any]) -> str:
    try:
        return repr(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _state(thing: Any) -> str:
    hidden = ("answers",)
    return repr({k: v for k, v in vars(thing).items() if k not in hidden and "lock" not in k})


def told(case: type[Any]) -> str:
    """Our verdict on a case, in one line."""
    result, seconds = ours(case)
    verdict, known = "none", ""
    if result.violation:
        window = "latent" if result.violation.latent else "exposed"
        verdict = f"{result.violation.kind}, {window}"
        known = f"in schedule {result.schedules - result.after}"
    return f"{verdict:20}{known:16}{result.schedules:4} schedules {seconds * 1000:6.0f} ms"


def main(*, frontrun: bool) -> None:
    """Print a row for each case."""
    for kind, cases in (("racy", small.RACY), ("sound", small.SOUND)):
        for case in cases:
            verdict = theirs(case) if frontrun else told(case)
            print(f"{kind:6}{case.__name__:17}{verdict}", flush=True)


if __name__ == "__main__":
    main(frontrun="--frontrun" in sys.argv)
