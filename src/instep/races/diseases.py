"""Which disease is it? Wrong numbers are told apart by the process that answered.

When every process, taken by itself, hands out numbers without a gap, and all begin alike, so that
only together they collide, then each has a state of its own. When one process hands out a number
twice, its threads (or greenlets) collide. When numbers collide among processes that do continue
each other's numbers, the state is shared, but not its update.

Processes that share a state but run in lockstep can look like the first: all read 1, all write 2.
So the first is only believed if it survives requests made one after the other afterwards.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from instep.races.load import Request


class Disease(StrEnum):
    """What a pattern of wrong answers is called."""

    PROCESS_STATE = "state per process"
    """Every process counts by itself: no lock helps, only state outside of them."""
    THREAD_RACE = "thread race"
    """Within one process the value was read by two before either had written."""
    PROCESS_RACE = "process race"
    """The processes do share the state, but read and write it in two steps."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A disease, and two requests that show it; None where two do not suffice (gaps)."""

    disease: Disease
    pair: tuple[Request, Request] | None


def diagnose(
    answers: Sequence[Request],
    unknown: int,
    afterwards: Sequence[Request] = (),
    *,
    threads: int | None = None,
) -> list[Witness]:
    """Name what explains duplicates and gaps.

    Args:
        answers: the requests with a number, sorted by start.
        unknown: how many more may have taken a number that nobody saw.
        afterwards: requests made later, one after the other; none if that was not tried.
        threads: how many each process has, if that is known.
    """
    found: list[Witness] = []
    groups = by_number(answers).values()
    across, within = _pair(groups, same_process=False), _pair(groups, same_process=True)
    own = _own_state(answers, unknown, collide=across is not None)
    if own and not _goes_on(answers, afterwards):
        found.append(Witness(Disease.PROCESS_STATE, across))
    elif across is not None:
        found.append(Witness(Disease.PROCESS_RACE, across))
    # Another process that writes an old number back has a single thread give one out twice, too.
    if within is not None and not (across is not None and threads == 1):
        found.append(Witness(Disease.THREAD_RACE, within))
    return found


def _pair(groups: Iterable[list[Request]], *, same_process: bool) -> tuple[Request, Request] | None:
    """The first two requests that got one number, within a process or across two."""
    for group in groups:
        first_of: dict[int | None, Request] = {}
        for answer in group:
            if same_process and answer.pid in first_of:
                return first_of[answer.pid], answer
            if not same_process and first_of and answer.pid not in first_of:
                return group[0], answer
            first_of[answer.pid] = answer
    return None


def _own_state(answers: Sequence[Request], unknown: int, *, collide: bool) -> bool:
    """Whether each process counts by itself."""
    counted = [{answer.number or 0 for answer in group} for group in by_pid(answers).values()]
    if len(counted) < 2 or any(_gaps(numbers) > unknown for numbers in counted):
        return False
    firsts = [min(numbers) for numbers in counted]
    if collide:  # the same beginning, but for numbers that unknown requests took
        return max(firsts) - min(firsts) <= unknown
    # Ranges of their own, such as blocks: told from a plain gap only by processes with a sequence.
    return _gaps(set().union(*counted)) > unknown and max(map(len, counted)) > 1


def _goes_on(answers: Sequence[Request], afterwards: Sequence[Request]) -> bool:
    """Whether one request at a time continues all the numbers, so that the state is shared."""
    later = [answer.number for answer in afterwards if answer.number is not None]
    last = max(answer.number or 0 for answer in answers)
    rising = all(low < high for low, high in pairwise([last, *later]))
    # One process that goes on by itself shows nothing about the others.
    return rising and len(by_pid(afterwards)) > 1


def _gaps(numbers: set[int]) -> int:
    return max(numbers) - min(numbers) + 1 - len(numbers)


def by_pid(answers: Iterable[Request]) -> dict[int, list[Request]]:
    """The answers of each process."""
    groups: dict[int, list[Request]] = defaultdict(list)
    for answer in answers:
        groups[answer.pid or 0].append(answer)
    return dict(groups)


def by_number(answers: Iterable[Request]) -> dict[int, list[Request]]:
    """The answers that hold each number; the caller passes only answers that hold one."""
    groups: dict[int, list[Request]] = defaultdict(list)
    for answer in answers:
        assert answer.number is not None
        groups[answer.number].append(answer)
    return dict(groups)
