"""What a run shows, in sentences for people; terminal and report print the same ones."""

import re
from collections.abc import Sequence
from math import floor, log10

from instep.races.amplified import PAUSE, Amplified
from instep.races.diseases import Disease
from instep.races.load import Outcome, Request
from instep.races.prove import Run
from instep.races.servers import SERVERS
from instep.races.verdict import Verdict, Word

MEANING = {
    Disease.PROCESS_STATE: (
        "every process counts by itself: each one's numbers are whole, and only together they "
        "collide. No lock helps; the state must live outside of the processes."
    ),
    Disease.THREAD_RACE: (
        "within one process the value was read by two before either had written. A lock around "
        "read, write and the read that is returned helps there; a shared object helps everywhere."
    ),
    Disease.PROCESS_RACE: (
        "the processes do share the state, but read it and write it in two steps, and another one "
        "comes between. The update must be one step."
    ),
}


def setting(run: Run, server: str) -> str:
    """How the server was run, such as `4 workers x 2 threads`."""
    kind, cell = SERVERS[server], run.cell
    if not kind.threads:
        return f"up to {cell.workers} processes" if cell.workers > 1 else "one at a time"
    if not kind.counted:
        inside = f"{kind.inside}s" if cell.threads > 1 else f"1 {kind.inside}"
    else:
        inside = f"{cell.threads} {kind.inside}{'s' if cell.threads > 1 else ''}"
    workers = f"{cell.workers} worker{'s' if cell.workers > 1 else ''}"
    return f"{workers} x {inside}" if kind.workers else inside


def where(number: re.Pattern[str] | None) -> str:
    """How the number is found in an answer."""
    return f"what {number.pattern} finds" if number else "the first integer in the text"


def conclusion(verdict: Verdict) -> str:
    """The verdict in a few words: `right`, `wrong: thread race`, `unclear: no number read`."""
    if verdict.word is Word.RIGHT:
        return "right" if not verdict.unknown else f"right, but {verdict.unknown} unknown"
    return f"{verdict.word}: {' + '.join(verdict.diseases) or _symptom(verdict)}"


def _symptom(verdict: Verdict) -> str:
    if verdict.word is Word.UNCLEAR and verdict.answered:
        return "only one process answered" if verdict.alone else "most requests unknown"
    if verdict.word is Word.UNCLEAR:
        return "no number read"
    if not verdict.gap_free:
        return "numbers skipped"
    return "out of order" if not verdict.ordered else f"{verdict.failed} failed"


def explanation(run: Run, server: str) -> list[str]:
    """Why the verdict is what it is: one sentence or two for each thing that was seen."""
    verdict, who = run.verdict, _Who(run.requests, SERVERS[server].inside)
    lines = [_numbers(verdict)] if verdict.answered else []
    if len(verdict.workers) < run.cell.workers and verdict.answered:
        lines.append(
            f"only {len(verdict.workers)} of {run.cell.workers} processes answered, so little or "
            "nothing was seen of what happens between them; try more clients and requests."
        )
    if verdict.distinct == 1 < verdict.answered:
        lines.append(_same(run.requests))
    for witness in verdict.witnesses:
        lines.append(f"{witness.disease}: {MEANING[witness.disease]}")
        if witness.pair:
            number = witness.pair[0].number
            lines.append(f"number {number} went to {who.pair(*witness.pair)}.")
        if witness.disease is Disease.PROCESS_STATE:
            lines.append(_afterwards(run))
    if verdict.skipped:
        lines.append(_gaps(verdict))
    if verdict.inversion:
        lines.append(_order(verdict, verdict.inversion, who))
    if verdict.sample:
        lines.append(_sample(verdict, verdict.sample))
    if run.amplified:
        lines.append(held_back(run.amplified))
    if verdict.word is Word.RIGHT:
        lines.append(bound(verdict))
    return lines


def held_back(done: Amplified) -> str:
    """What the amplification did."""
    if not done.modules:
        return "nothing was amplified: no module of the program is in its folder (--chdir)."
    modules = f"{done.modules} module{'s' if done.modules > 1 else ''}"
    if not done.sleeps:
        return (
            f"nothing was amplified: in {modules} of the program's own no request came near "
            "anything that is written after the start and shared with others."
        )
    most = ", ".join(f"{place} ({times})" for place, times in done.places)
    return (
        f"amplified: {done.sleeps} times a request was held back for {PAUSE * 1000:g} ms before it "
        f"touched what requests share, in {modules}; most at {most}. Times mean nothing here."
    )


def bound(verdict: Verdict) -> str:
    """What was not seen, and how much that is worth."""
    digits = max(2, 2 - floor(log10(100 * verdict.bound)))  # a small share is not rounded to none
    return (
        f"0 anomalies seen in {verdict.answered} answers: at 95 % confidence fewer than "
        f"{verdict.bound:.{digits}%} of requests like these go wrong. Not seen is not proven."
    )


def _numbers(verdict: Verdict) -> str:
    processes = len(verdict.workers)
    seen = (
        f"{verdict.answered} answers from {processes} process{'es' if processes > 1 else ''}: "
        f"numbers {verdict.first} to {verdict.last} (what was before {verdict.first} is not seen)"
    )
    if verdict.word is Word.RIGHT and not verdict.skipped:
        return f"{seen}, each once, none missing between, in order."
    return (
        f"{seen}, {verdict.distinct} different; {verdict.duplicates} handed out more than once, "
        f"{verdict.lost} answers lost to that; {verdict.skipped} skipped."
    )


def _same(requests: Sequence[Request]) -> str:
    body = next(request.body for request in requests if request.number is not None)
    return (
        f"every answer holds the same number; is it the one that is meant? It is read in {body!r}"
    )


def _afterwards(run: Run) -> str:
    """The answers around the first that does not continue the ones before."""
    answers = [request for request in run.afterwards if request.number is not None]
    numbers = [request.number or 0 for request in answers]
    breaks = (i for i in range(1, len(numbers)) if numbers[i] <= max(numbers[:i]))
    start = max(0, next(breaks, 0) - 3)
    shown = ", ".join(f"{r.number} from pid {r.pid}" for r in answers[start : start + 6])
    return f"asked afterwards one after the other, with nothing at the same time: {shown}, …"


def _gaps(verdict: Verdict) -> str:
    spans = [str(low) if low == high else f"{low}-{high}" for low, high in verdict.missing]
    excuse = f"; the {verdict.unknown} unknown may explain as many" if verdict.unknown else ""
    return f"numbers that nobody got: {', '.join(spans)}{excuse}."


def _order(verdict: Verdict, inversion: tuple[Request, Request], who: "_Who") -> str:
    first, second = inversion
    return (
        f"out of real-time order: {verdict.disorder} requests began after another one had ended "
        f"with the same or a higher number; so {first.number} and then {second.number} went to "
        f"{who.pair(first, second)}."
    )


def _sample(verdict: Verdict, sample: Request) -> str:
    counts = f"{verdict.failed} failed and {verdict.unknown} unknown"
    meant = "may have counted or not" if sample.outcome is Outcome.UNKNOWN else "held no number"
    status = f"status {sample.status}: " if sample.status else ""
    return f"{counts} of {verdict.requests} requests; one that {meant}: {status}{sample.body!r}"


class _Who:
    """Names requests and threads by small numbers, in the order in which they began."""

    def __init__(self, requests: Sequence[Request], inside: str) -> None:
        self.inside = inside
        self.places = {id(request): place for place, request in enumerate(requests, 1)}
        self.threads: dict[int | None, dict[int | None, int]] = {}
        for request in requests:
            known = self.threads.setdefault(request.pid, {})
            known.setdefault(request.thread, len(known) + 1)

    def pair(self, first: Request, second: Request) -> str:
        """Two requests: who answered, and when."""
        return f"{self.one(first)} and {self.one(second)}"

    def one(self, request: Request) -> str:
        """One request: its place, process, thread, and its span in milliseconds."""
        thread = self.threads[request.pid][request.thread]
        start, end = request.start / 1e6, request.end / 1e6
        place = self.places[id(request)]
        span = f"{start:.1f}-{end:.1f} ms"
        return f"request {place} (pid {request.pid}, {self.inside} {thread}, {span})"
