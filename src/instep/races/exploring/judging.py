"""What runs mean, in sentences: what is wrong, what makes a result worth less, what is refused."""

from __future__ import annotations

from pathlib import Path

from instep.errors import Misuse
from instep.races.exploring.asking import FACTORY
from instep.races.exploring.oracle import Oracle, body, unrepeatable
from instep.races.exploring.plan import Answer, Exploration, Plan, Run

BODY = "does it need another body? 'POST /order {\"item\": 1}'"
LOGIN = "log in with --first 'POST /login user=ann'"
HINTS = {
    "404": "is the path right? What must be there first is made with --first 'POST /order n=1'",
    "405": "is the method right?",
    **dict.fromkeys(("400", "415", "422"), BODY),
    **dict.fromkeys(("401", "403"), LOGIN),
}
"""What may help, by status."""


def letter(number: int) -> str:
    """An actor's letter, for people."""
    return chr(ord("A") + number)


def at(path: str, line: int) -> str:
    """A place, as it is looked up."""
    return f"{relative(path)}:{line}" if path else "a library"


def relative(path: str) -> str:
    """A path as seen from here, if it is below."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def words(plan: Plan, oracle: Oracle, run: Run) -> tuple[str, list[str]]:
    """Which kind of violation a run is, and what is wrong with it."""
    if run.waits:
        return "deadlock", [_deadlock(run)]
    if run.hangs:
        return "hangs", [
            f"not over after {plan.limits.timeout:g} s, while every order one after the other is"
        ]
    if run.outcome["invariant"] and oracle.explains({**run.outcome, "invariant": None}):
        return "invariant", [f"the invariant does not hold afterwards: {run.outcome['invariant']}"]
    differing = oracle.impossible(run.outcome) or oracle.differing(run.outcome)
    kind = differing[0].split()[0] if differing else "answers"
    if not oracle.explains({**run.outcome, "state": {}, "then": [], "invariant": None}):
        kind = "answers"
    told = [_answers(oracle, run)] if kind == "answers" else []
    told += [_fact(oracle, run, name) for name in differing if not name.startswith("answers")][:4]
    return kind, told


def _deadlock(run: Run) -> str:
    parts = []
    for actor, what, holder, path, line in run.waits:
        who = f", which {letter(holder)} holds" if holder >= 0 else ""
        where = f" ({at(path, line)})" if path else ""
        parts.append(f"{letter(actor)} waits for {what}{where}{who}")
    return f"deadlock: {'; '.join(parts)}. Nobody can go on."


def _answers(oracle: Oracle, run: Run) -> str:
    got = _listed([body(answer) for answer in run.outcome["answers"]])
    orders = []
    for order, other in oracle.orders.items():
        told = _listed([body(answer) for answer in other.outcome["answers"]])
        orders.append(f"{told} ({' then '.join(map(letter, order))})")
    shown = list(dict.fromkeys(orders))
    return f"the answers are {got}; one after the other they are {' or '.join(shown)}"


def _listed(answers: list[str], room: int = 120) -> str:
    short = [answer if len(answer) <= room else f"{answer[: room - 1]}…" for answer in answers]
    return ", ".join(f"{letter(place)}: {answer}" for place, answer in enumerate(short))


def _fact(oracle: Oracle, run: Run, name: str) -> str:
    kind, _, what = name.partition(" ")
    if kind == "then":
        number = int(what)
        got = body(run.outcome["then"][number]) if run.outcome["then"] else "not asked"
        others = {body(other.outcome["then"][number]) for other in oracle.orders.values()}
        return f"asked afterwards: {got}; every order leads to {' or '.join(sorted(others))}"
    if kind == "invariant":
        return f"the invariant does not hold afterwards: {run.outcome['invariant']}"
    others = {other.outcome["words"].get(what, "…") for other in oracle.orders.values()}
    left, name = run.outcome["words"][what], what.rpartition(":")[2]
    return f"{name} is {left} afterwards; every order leaves {' or '.join(sorted(others))}"


def refuse(run: Run, order: tuple[int, ...], plan: Plan) -> None:
    """Refuse calls that cannot even be made one after the other.

    Raises:
        Misuse: a call does not end, or the program could not be run in a forked process.
    """
    if run.hangs and not run.names:
        raise Misuse(f"the calls could not be run: {run.outcome['invariant'].strip()}")
    for call, answer in zip(plan.calls, run.outcome["answers"], strict=False):
        if answer is not None and answer.get("what") == FACTORY:
            raise Misuse(
                f"asked for {call.name}, it gives a {answer['body']} and no answer, as a factory "
                "does: call it with plain literals: MODULE:create_app('test')"
            )
    if run.waits:
        raise Misuse(f"one after the other, the calls already block: {_deadlock(run)}")
    if run.hangs:
        missing = [
            plan.calls[number].name
            for number, answer in enumerate(run.outcome["answers"])
            if answer is None
        ]
        raise Misuse(
            f"{missing[0] if missing else 'a call'} is not over after {plan.limits.timeout:g} s, "
            "even alone: name another request, or give it longer with --timeout"
        )


def warn(result: Exploration, plan: Plan, oracle: Oracle) -> None:
    """Say what makes the result worth less, from the sequential orders."""
    first = next(iter(oracle.orders.values()))
    alone = {order[0]: run.outcome["answers"][order[0]] for order, run in oracle.orders.items()}
    for call, answer in {plan.calls[n].name: a for n, a in alone.items()}.items():
        if failed(answer):
            hint = HINTS.get(answer["what"][:3] if answer else "", "is it what you mean?")
            result.warnings.append(f"{call} fails already alone: {_failure(answer)}; {hint}")
    names = [call.name for call in plan.calls]
    if noisy := unrepeatable(oracle.masks, names):
        result.warnings.append(
            f"two equal runs differ in {', '.join(noisy[:4])}: times or random values, which do "
            "not count; if it is state in a file or database, put it back with --reset"
        )
    outside = dict.fromkeys(use for run in oracle.orders.values() for use in run.outside)
    if outside:
        result.warnings.append(
            f"the requests use {', '.join([*outside][:3])}: what is in files and databases is not "
            "judged" + ("" if plan.reset else ", and a schedule leaves it to the next one: put it "
            "back with --reset MODULE:FUNCTION")
        )  # fmt: skip
    if all(run.outcome["invariant"] for run in oracle.orders.values()):
        result.warnings.append(
            f"the invariant does not hold in any order: {first.outcome['invariant']}"
        )


def _failure(answer: Answer | None) -> str:
    """What a call failed with; what it logged says more than the page it answers."""
    if answer and answer["told"]:
        return f"{answer['what']}, {answer['told']}"
    told = body(answer)
    return told if len(told) <= 160 else f"{told[:159]}…"


def failed(answer: Answer | None) -> bool:
    """Whether a call did not do what it is there for."""
    return answer is None or answer["what"] == "raised" or answer["what"][:1] in "45"


def note(result: Exploration, run: Run) -> None:
    """Keep what a schedule shows of the limits of the scheduler."""
    if run.alone and not any("blocks in something" in warning for warning in result.warnings):
        result.warnings.append(
            "a thread blocks in something that the scheduler does not know (a connection, a lock "
            "of a library), so some schedules were not controlled"
        )


def last_words(result: Exploration) -> None:
    """What is to be said when all is done."""
    if result.shared and not result.candidates:
        result.warnings.append(
            f"what the calls share ({', '.join(result.shared[:3])}) is always touched under one "
            "lock; only the order of taking it was explored"
        )
    elif not result.candidates and not result.violation and not result.failed:
        result.warnings.append(
            "nothing was seen that two of the calls share and one of them writes, in the "
            "program's own modules: nothing to explore"
        )
