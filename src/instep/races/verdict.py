"""Were the answers right? Pure functions over the requests that were made.

A right counter hands out each number once (unique), leaves none out (gap-free), and gives a
request that began after another one had ended the higher number (in real-time order).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from instep.races.diseases import Disease, Witness, by_number, by_pid, diagnose
from instep.races.load import Outcome, Request

SHOWN = 10
"""How many gaps are kept as examples."""


class Word(StrEnum):
    """The verdict in one word; `instep prove` exits with its place in this list."""

    RIGHT = "right"
    """No anomaly was seen, which is not a proof that there is none."""
    WRONG = "wrong"
    """A number came twice, is missing or came out of order, or some request got none."""
    UNCLEAR = "unclear"
    """No number was read, most requests got no answer, or only one of many processes gave any."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the requests show.

    Args:
        requests: how many were made; each is answered, failed or unknown.
        answered: those in whose answer a number was read.
        failed: those that were refused, or whose answer held no number.
        unknown: those that may have been counted without anyone having seen the number.
        distinct: how many different numbers were handed out.
        first: the lowest number seen; what may be missing below it cannot be seen.
        last: the highest number seen.
        duplicates: how many numbers were handed out more than once.
        lost: how many answers only repeat a number.
        skipped: how many numbers are missing between first and last.
        missing: the first gaps, each as (from, to).
        disorder: how many requests began after one had ended that got the same or a higher number.
        diseases: what explains the duplicates and gaps.
        witnesses: for each disease two requests that show it.
        inversion: the first two requests that break the real-time order.
        workers: process id to the number of its answers.
        alone: several processes were to answer, but only one did.
        sample: of a failed or unknown request, if there is one.
    """

    requests: int
    answered: int
    failed: int
    unknown: int
    distinct: int
    first: int | None
    last: int | None
    duplicates: int
    lost: int
    skipped: int
    missing: tuple[tuple[int, int], ...]
    disorder: int
    diseases: tuple[Disease, ...]
    witnesses: tuple[Witness, ...]
    inversion: tuple[Request, Request] | None
    workers: dict[int, int]
    alone: bool
    sample: Request | None

    @property
    def unique(self) -> bool:
        """No number was handed out twice."""
        return self.duplicates == 0

    @property
    def gap_free(self) -> bool:
        """No number is missing but for what the unknown requests may have taken."""
        return self.skipped <= self.unknown

    @property
    def ordered(self) -> bool:
        """Nobody who came later got a number that is not higher."""
        return self.disorder == 0

    @property
    def word(self) -> Word:
        """Right, wrong or unclear."""
        if self.answered == 0:
            return Word.UNCLEAR
        if self.failed or not (self.unique and self.gap_free and self.ordered):
            return Word.WRONG
        if self.alone or 2 * self.unknown > self.requests:
            return Word.UNCLEAR
        return Word.RIGHT

    @property
    def bound(self) -> float:
        """The share of such requests that may still go wrong, at 95 % confidence.

        The rule of three (Hanley and Lippman-Hand, JAMA 1983): none seen in n, so at most 3/n.
        """
        return min(1.0, 3 / self.answered) if self.answered else 1.0


def judge(
    requests: Sequence[Request],
    afterwards: Sequence[Request] = (),
    *,
    workers: int = 1,
    threads: int | None = None,
) -> Verdict:
    """Judge the requests of one run of a server.

    Args:
        requests: those made at once.
        afterwards: some more, made one after the other, that help to tell the diseases apart.
        workers: how many processes were to answer.
        threads: how many each of them has, if that is known.
    """
    answers = sorted((r for r in requests if r.number is not None), key=lambda r: r.start)
    outcomes = [request.outcome for request in requests]
    unknown = outcomes.count(Outcome.UNKNOWN)
    groups = by_number(answers)
    numbers = sorted(groups)
    gaps = [(low + 1, high - 1) for low, high in pairwise(numbers) if high > low + 1]
    disorder, inversion = _disorder(answers)
    answered_by = {pid: len(group) for pid, group in by_pid(answers).items()}
    found = diagnose(answers, unknown, afterwards, threads=threads)
    return Verdict(
        requests=len(requests),
        answered=len(answers),
        failed=outcomes.count(Outcome.FAILED),
        unknown=unknown,
        distinct=len(numbers),
        first=numbers[0] if numbers else None,
        last=numbers[-1] if numbers else None,
        duplicates=sum(len(group) > 1 for group in groups.values()),
        lost=len(answers) - len(numbers),
        skipped=sum(high - low + 1 for low, high in gaps),
        missing=tuple(gaps[:SHOWN]),
        disorder=disorder,
        diseases=tuple(witness.disease for witness in found),
        witnesses=tuple(found),
        inversion=inversion,
        workers=answered_by,
        alone=workers > 1 and len(answered_by) == 1,
        sample=next((r for r in requests if r.outcome is not Outcome.ANSWERED), None),
    )


def _disorder(answers: Sequence[Request]) -> tuple[int, tuple[Request, Request] | None]:
    """How many answers are not above one that had ended before they began, and the first pair.

    Args:
        answers: with numbers, sorted by start. Another sort by end makes it O(n log n).
    """
    ended = iter(sorted(answers, key=lambda answer: answer.end))
    following = next(ended, None)
    highest: Request | None = None
    count, pair = 0, None
    for later in answers:
        while following is not None and following.end < later.start:
            if highest is None or _number(following) > _number(highest):
                highest = following
            following = next(ended, None)
        if highest is not None and _number(highest) >= _number(later):
            count += 1
            pair = pair or (highest, later)
    return count, pair


def _number(answer: Request) -> int:
    assert answer.number is not None
    return answer.number


def overall(words: Sequence[Word]) -> Word:
    """One word for several runs: one wrong is enough, and right are only all."""
    if Word.WRONG in words:
        return Word.WRONG
    return Word.RIGHT if words and set(words) == {Word.RIGHT} else Word.UNCLEAR
