"""Verdicts on histories made by hand, one for each thing that can go wrong."""

from collections.abc import Iterable

import pytest

from instep.races.diseases import Disease
from instep.races.load import Outcome, Request
from instep.races.verdict import Verdict, Word, judge, overall
from instep.races.words import bound


def answer(
    number: int, pid: int = 1, *, at: int = 0, until: int = 1000, thread: int = 1
) -> Request:
    """A request that got a number."""
    return Request(0, at, until, Outcome.ANSWERED, 200, number, pid, thread)


def at_once(*pairs: tuple[int, int]) -> Verdict:
    """Judge answers, as (pid, number), that were all under way at the same time."""
    return judge([answer(number, pid) for pid, number in pairs])


def without(outcome: Outcome, times: int) -> Iterable[Request]:
    """Requests that got no number."""
    return [Request(0, 0, 1000, outcome, 500, body="sorry") for _ in range(times)]


def test_each_number_once_is_right() -> None:
    """Two processes that together hand out 1 to 6 are right, in whatever share."""
    verdict = at_once((1, 1), (2, 2), (1, 3), (1, 4), (2, 5), (1, 6))
    assert verdict.word is Word.RIGHT
    assert (verdict.unique, verdict.gap_free, verdict.ordered) == (True, True, True)
    assert (verdict.first, verdict.last, verdict.workers) == (1, 6, {1: 4, 2: 2})


def test_the_lowest_number_seen_is_the_first() -> None:
    """A counter that goes on from an earlier run is not blamed for what came before."""
    assert at_once((1, 101), (1, 102)).word is Word.RIGHT


def test_state_per_process() -> None:
    """Processes that each count from one without a gap have a state of their own."""
    verdict = at_once((1, 1), (1, 2), (1, 3), (2, 1), (2, 2))
    assert verdict.diseases == (Disease.PROCESS_STATE,)
    assert (verdict.distinct, verdict.duplicates, verdict.lost) == (3, 2, 2)
    first, second = verdict.witnesses[0].pair or pytest.fail("no witness")
    assert first.number == second.number
    assert first.pid != second.pid


def test_a_process_for_each_request_still_shows_state_per_process() -> None:
    """When every child forgets what it counted, every answer is the same number."""
    verdict = at_once(*((pid, 1) for pid in range(1, 9)))
    assert verdict.diseases == (Disease.PROCESS_STATE,)
    assert verdict.lost == 7


def test_thread_race() -> None:
    """One process that hands out a number twice has threads that collide."""
    verdict = at_once((1, 1), (1, 2), (1, 2), (1, 3))
    assert verdict.diseases == (Disease.THREAD_RACE,)
    first, second = verdict.witnesses[0].pair or pytest.fail("no witness")
    assert (first.number, first.pid) == (second.number, second.pid) == (2, 1)


def test_both_diseases_at_once() -> None:
    """Threads may collide in processes that have states of their own."""
    verdict = at_once((1, 1), (1, 1), (1, 2), (2, 1), (2, 2))
    assert set(verdict.diseases) == {Disease.PROCESS_STATE, Disease.THREAD_RACE}


def test_process_race() -> None:
    """Processes that continue each other's numbers and collide share the state, not the update."""
    verdict = at_once((1, 1), (2, 2), (1, 3), (2, 3), (2, 4), (1, 5))
    assert verdict.diseases == (Disease.PROCESS_RACE,)


def test_a_process_race_with_a_process_for_each_request() -> None:
    """Single answers per process that are not all alike do share a state."""
    verdict = at_once((1, 1), (2, 2), (3, 2), (4, 3))
    assert verdict.diseases == (Disease.PROCESS_RACE,)


def test_ranges_of_their_own_are_state_per_process() -> None:
    """Processes whose own numbers are whole and far apart do not share a counter."""
    verdict = at_once((1, 1001), (1, 1002), (2, 2001), (2, 2002))
    assert verdict.diseases == (Disease.PROCESS_STATE,)
    assert verdict.unique
    assert verdict.skipped == 998


def test_processes_in_lockstep_are_told_apart_by_asking_afterwards() -> None:
    """Only processes that collide also one request at a time have a state of their own."""
    lockstep = [answer(number, pid) for number in (1, 2, 3) for pid in (1, 2)]
    shared = judge(lockstep, [answer(4, 1), answer(5, 1), answer(6, 2)])
    assert shared.diseases == (Disease.PROCESS_RACE,)
    own = judge(lockstep, [answer(4, 1), answer(4, 2), answer(5, 2)])
    assert own.diseases == (Disease.PROCESS_STATE,)


def test_numbers_that_nobody_got() -> None:
    """A shared counter that leaves numbers out is wrong without being either disease."""
    verdict = at_once((1, 1), (2, 3), (1, 5), (2, 6))
    assert verdict.word is Word.WRONG
    assert (verdict.skipped, verdict.missing, verdict.diseases) == (2, ((2, 2), (4, 4)), ())


def test_numbers_far_apart_are_counted_not_listed() -> None:
    """A number that is a time stamp costs neither memory nor time."""
    verdict = at_once((1, 1), (1, 10**18))
    assert verdict.skipped == 10**18 - 2


def test_unknown_requests_explain_as_many_gaps() -> None:
    """A request that broke off may have taken a number with it, but only one."""
    answers = [answer(1), answer(2), answer(4)]
    assert judge([*answers, *without(Outcome.UNKNOWN, 1)]).word is Word.RIGHT
    assert judge([*answers, answer(6), *without(Outcome.UNKNOWN, 1)]).word is Word.WRONG


def test_an_unknown_request_excuses_no_duplicate() -> None:
    """A number that two requests were given is wrong, whatever became of the others."""
    verdict = judge([answer(1), answer(1), *without(Outcome.UNKNOWN, 1)])
    assert verdict.diseases == (Disease.THREAD_RACE,)


def test_an_unknown_request_may_have_taken_the_first_number_of_a_process() -> None:
    """State per process is still told when one process's first answer was lost on the way."""
    answers = [answer(1, 1), answer(2, 1), answer(2, 2), answer(3, 2)]
    verdict = judge([*answers, *without(Outcome.UNKNOWN, 1)])
    assert verdict.diseases == (Disease.PROCESS_STATE,)


def test_a_later_request_with_a_lower_number_is_out_of_order() -> None:
    """Who came after another had left must get the higher number; the two are named."""
    early, late = answer(2, at=0, until=10), answer(1, at=20, until=30)
    verdict = judge([late, early])
    assert verdict.word is Word.WRONG
    assert (verdict.disorder, verdict.inversion) == (1, (early, late))


def test_requests_at_the_same_time_may_come_in_any_order() -> None:
    """Two that overlap have no order to keep."""
    assert judge([answer(2, at=0, until=10), answer(1, at=10, until=20)]).ordered
    assert judge([answer(2, at=0, until=25), answer(1, at=20, until=30)]).ordered


def test_the_order_of_many_requests_agrees_with_comparing_all_pairs() -> None:
    """The sweep counts what the definition, tried on every pair, counts."""
    spans = [(7 * i % 101, 13 * i % 37 + 1, 31 * i % 61) for i in range(200)]
    history = [answer(n, at=start, until=start + length) for start, length, n in spans]
    expected = sum(any(a.end < b.start and a.number >= b.number for a in history) for b in history)
    assert expected > 0
    assert judge(history).disorder == expected


def test_refused_requests_are_wrong_and_shown() -> None:
    """A request without a number is a failure, with a sample of what came instead."""
    verdict = judge([answer(1), *without(Outcome.FAILED, 2)])
    assert verdict.word is Word.WRONG
    assert (verdict.failed, verdict.sample and verdict.sample.body) == (2, "sorry")


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNKNOWN])
def test_no_number_at_all_is_unclear(outcome: Outcome) -> None:
    """Nothing is said about a counter that was never read."""
    assert judge(list(without(outcome, 5))).word is Word.UNCLEAR


def test_mostly_unknown_is_unclear() -> None:
    """A few right answers among many broken ones are not called right."""
    assert judge([answer(1), *without(Outcome.UNKNOWN, 2)]).word is Word.UNCLEAR
    assert judge([answer(1), answer(2), *without(Outcome.UNKNOWN, 2)]).word is Word.RIGHT


def test_one_process_of_many_is_unclear() -> None:
    """Where several processes were to answer, one that answered alone shows nothing about them."""
    answers = [answer(number) for number in (1, 2, 3)]
    assert judge(answers, workers=4).word is Word.UNCLEAR
    assert judge(answers, workers=1).word is Word.RIGHT
    assert judge([*answers, answer(3)], workers=4).word is Word.WRONG


def test_the_bound_is_the_rule_of_three() -> None:
    """None wrong of 300 leaves room for one in a hundred."""
    assert at_once(*((1, n) for n in range(300))).bound == pytest.approx(0.01)
    assert at_once((1, 1)).bound == 1.0


def test_a_small_bound_is_not_told_as_none() -> None:
    """Many right answers bound the share of wrong ones closely, and never at nothing."""
    assert "fewer than 0.0150% of" in bound(at_once(*((1, n) for n in range(20_000))))
    assert "fewer than 1.00% of" in bound(at_once(*((1, n) for n in range(300))))


def test_one_wrong_run_is_enough() -> None:
    """Several runs are right only together."""
    assert overall([Word.RIGHT, Word.WRONG, Word.UNCLEAR]) is Word.WRONG
    assert overall([Word.RIGHT, Word.UNCLEAR]) is Word.UNCLEAR
    assert overall([Word.RIGHT, Word.RIGHT]) is Word.RIGHT
    assert overall([]) is Word.UNCLEAR


def test_one_thread_cannot_race_itself() -> None:
    """A number that another process has set back comes twice from a process of one thread."""
    answers = [answer(1, 1), answer(2, 1), answer(1, 2), answer(2, 1), answer(3, 2)]
    assert judge(answers, workers=2, threads=1).diseases == (Disease.PROCESS_RACE,)
    both = (Disease.PROCESS_RACE, Disease.THREAD_RACE)
    assert judge(answers, workers=2, threads=2).diseases == both
    assert judge(answers, workers=2).diseases == both
