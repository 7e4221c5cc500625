"""Whether a history of concurrent calls could have happened one call at a time.

The search is Wing and Gong's ("Testing and Verifying Concurrent Objects", JPDC 1993) with Lowe's
memory of what was tried ("Testing for Linearizability", 2017): a configuration is the set of calls
that have taken effect and the state they led to; none is looked at twice. A call whose caller was
killed has no return: it may take effect at any time after it began, or never.
"""

from collections.abc import Callable, Hashable
from math import inf
from typing import Any, NamedTuple


class Call(NamedTuple):
    """A call as its caller saw it.

    Args:
        began: when it was made.
        ended: when it returned, or `inf` if the caller did not live to see it.
        name: of the method.
        args: of the call.
        result: what it returned; meaningless if it did not.
    """

    began: float
    ended: float
    name: str
    args: tuple[Any, ...]
    result: Any = None


Model = Callable[[Any, str, tuple[Any, ...]], tuple[Hashable, Any]]
"""State, name and arguments of a call -> the state after it and its result."""


def counter(state: int, name: str, args: tuple[Any, ...]) -> tuple[int, int]:
    """A number that is counted on and read."""
    if name == "read":
        return state, state
    state += args[0] if args else 1
    return state, state


def register(state: Any, name: str, args: tuple[Any, ...]) -> tuple[Hashable, Any]:
    """A value that is set, read, and set if it is what one thinks."""
    if name == "get":
        return state, state
    if name == "set":
        return args[0], None
    old, new = args
    return (new, True) if state == old else (state, False)


def linearizable(history: list[Call], model: Model, state: Hashable) -> bool:
    """Whether there is an order of the calls that each caller could have seen.

    Args:
        history: calls, in any order.
        model: what a call does when it is alone.
        state: before the first.
    """
    calls = sorted(history)
    bound = sum(1 << at for at, call in enumerate(calls) if call.ended < inf)
    tried: set[tuple[int, Hashable]] = set()
    open_ = [(0, state)]
    while open_:
        done, state = open_.pop()
        if done & bound == bound:
            return True
        for at in _candidates(calls, done):
            call = calls[at]
            after, result = model(state, call.name, call.args)
            if call.ended == inf or result == call.result:
                configuration = (done | 1 << at, after)
                if configuration not in tried:
                    tried.add(configuration)
                    open_.append(configuration)
    return False


def _candidates(calls: list[Call], done: int) -> list[int]:
    """Calls that may be next: not done, and begun before any other that is not done ended."""
    found, first_end = [], inf
    at = (~done & (done + 1)).bit_length() - 1  # all before it are done
    while at < len(calls) and calls[at].began <= first_end:
        if not done >> at & 1:
            found.append(at)
            first_end = min(first_end, calls[at].ended)
        at += 1
    return found
