"""A proof as plain data, for machines: what `instep prove --json` prints."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from instep.races.forks import Scan
from instep.races.load import Request
from instep.races.prove import Plan, Run
from instep.races.verdict import Verdict, overall

MILLISECOND = 1_000_000


def document(plan: Plan, runs: Sequence[Run]) -> dict[str, Any]:
    """Everything that was asked and seen, but for the bodies; times are milliseconds."""
    load = plan.load
    return {
        "target": plan.target,
        "server": plan.server,
        "clients": load.clients,
        "requests": load.requests,
        "path": load.path,
        "method": load.method,
        "login": load.login,
        "number": load.number.pattern if load.number else None,
        "fresh": plan.fresh,
        "seed": plan.seed,
        "verdict": overall([run.verdict.word for run in runs]),
        "runs": [_run(run) for run in runs],
    }


def _run(run: Run) -> dict[str, Any]:
    cell = {"workers": run.cell.workers, "threads": run.cell.threads, "round": run.turn}
    seen = {
        "requests": [_request(request) for request in run.requests],
        "afterwards": [_request(request) for request in run.afterwards],
    }
    amplified = asdict(run.amplified) if run.amplified else None
    return cell | _verdict(run.verdict) | seen | forks(run.forks) | {"amplified": amplified}


def forks(scan: Scan) -> dict[str, Any]:
    """What was made before the fork and is still there after it."""
    found = [
        leftover.document() | {"pids": list(pids)} for leftover, pids in scan.leftovers.items()
    ]
    return {"leftovers": found, "asked": scan.processes}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    sample = verdict.sample
    return {
        "verdict": verdict.word,
        "unique": verdict.unique,
        "gap_free": verdict.gap_free,
        "ordered": verdict.ordered,
        "answered": verdict.answered,
        "failed": verdict.failed,
        "unknown": verdict.unknown,
        "distinct": verdict.distinct,
        "first": verdict.first,
        "last": verdict.last,
        "duplicates": verdict.duplicates,
        "lost": verdict.lost,
        "skipped": verdict.skipped,
        "missing": [list(gap) for gap in verdict.missing],
        "disorder": verdict.disorder,
        "bound": verdict.bound,
        "diseases": list(verdict.diseases),
        "witnesses": [
            {"disease": witness.disease, "pair": _pair(witness.pair)}
            for witness in verdict.witnesses
        ],
        "inversion": _pair(verdict.inversion),
        "processes": {str(pid): count for pid, count in verdict.workers.items()},
        "alone": verdict.alone,
        "sample": _request(sample) | {"body": sample.body} if sample else None,
    }


def _pair(pair: tuple[Request, Request] | None) -> list[dict[str, Any]] | None:
    return [_request(request) for request in pair] if pair else None


def _request(request: Request) -> dict[str, Any]:
    return {
        "client": request.client,
        "start": round(request.start / MILLISECOND, 3),
        "end": round(request.end / MILLISECOND, 3),
        "outcome": request.outcome,
        "status": request.status,
        "number": request.number,
        "pid": request.pid,
        "thread": request.thread,
    }
