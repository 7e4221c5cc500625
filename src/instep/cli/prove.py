"""`instep prove`: run a program under a real server and judge the answers."""

import json
import re
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from instep.errors import Misuse
from instep.races import words
from instep.races.document import document, forks
from instep.races.forks import Scan
from instep.races.forks import words as fork_words
from instep.races.load import Load
from instep.races.prove import Plan, Run, prove, scan, widest
from instep.races.report import report
from instep.races.servers import SERVERS
from instep.races.verdict import Verdict, Word, overall
from instep.races.writing import write

from .outcome import FAILED, RIGHT, WRONG, bar, err, out, outcome, writable

EXIT = {Word.RIGHT: RIGHT, Word.WRONG: WRONG, Word.UNCLEAR: FAILED}
COLOUR = {Word.RIGHT: "green", Word.WRONG: "red", Word.UNCLEAR: "yellow"}

SEEDS = 10_000
"""From how many a seed is drawn, if none is given."""


class Pattern(click.ParamType[re.Pattern[str]]):
    """A regular expression with at most one group that matters."""

    name = "regex"

    def convert(self, value: Any, param: Any, ctx: Any) -> re.Pattern[str]:
        """Compile, or say what is wrong with it."""
        try:
            return re.compile(value)
        except re.error as error:
            self.fail(f"{value!r} is not a regular expression: {error}", param, ctx)


_COUNT = click.IntRange(min=1)
_SECONDS = click.FloatRange(min=0, min_open=True)
_PAGE = click.Path(dir_okay=False, path_type=Path)


@click.command("prove")
@click.argument("target", metavar="MODULE:APP")
@click.option("--server", type=click.Choice(list(SERVERS)), default="gunicorn", help="Which one.")
@click.option("--workers", type=_COUNT, default=4, help="Processes, in the largest cell.")
@click.option(
    "--threads", type=_COUNT, default=2, help="Threads per process; greenlets: 1 or many."
)
@click.option("--clients", type=_COUNT, default=100, help="How many go at once.")
@click.option("--requests", type=_COUNT, default=100, help="In total, spread over the clients.")
@click.option("--path", default="/", help="What they ask for.")
@click.option("--method", default="GET", help="The HTTP method.")
@click.option("--request", help="Instead of both: 'POST /order {\"item\": 3}', '@FILE'.")
@click.option("--login", help="Asked once before; all clients then send its cookies: one user.")
@click.option("--number", type=Pattern(), help="Finds the number in a body: group 1, or all of it.")
@click.option("--timeout", type=_SECONDS, default=30.0, help="Seconds that a request may take.")
@click.option("--patience", type=_SECONDS, default=20.0, help="Seconds until a server answers.")
@click.option("--rounds", type=_COUNT, default=1, help="How often each cell is run.")
@click.option("--matrix/--no-matrix", default=True, help="Also 1x1 and 1xTHREADS (default).")
@click.option("--fresh", is_flag=True, help="Give the program an empty store for every run.")
@click.option(
    "--chdir", type=click.Path(exists=True, file_okay=False), default=".", help="Run there."
)
@click.option("--option", "options", multiple=True, help="One more word for the server.")
@click.option("--amplify", is_flag=True, help="Widen every race: sleep near what is shared.")
@click.option("--seed", type=int, help="Sleep where an earlier --amplify with this seed did.")
@click.option("--forks", is_flag=True, help="No load: only look for what was made before the fork.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option("--report", "page", type=_PAGE, help="Write an HTML page.")
def prove_command(**options: Any) -> None:
    """Run a program under a real server and judge the numbers that its clients get.

    Exits with 0 if every answer was right, 1 if not, and 2 if it could not be run or judged.
    With --forks: 0 if nothing was made before the fork, 1 if something was.
    """
    as_json, page = options.pop("as_json"), options.pop("page")
    forks = options.pop("forks")
    with outcome(as_json):
        writable(page)
        plan = _plan(**options)
        if forks:
            _forks(plan, as_json)
        runs = _watched(plan, quiet=as_json)
        if page:
            write(page, report(plan, runs))
    if as_json:
        click.echo(json.dumps(document(plan, runs), indent=1))
    else:
        _print(plan, runs, page)
    sys.exit(EXIT[overall([run.verdict.word for run in runs])])


def _plan(
    *,
    clients: int,
    requests: int,
    path: str,
    method: str,
    request: str | None,
    login: str | None,
    number: re.Pattern[str] | None,
    timeout: float,
    chdir: str,
    amplify: bool,
    seed: int | None,
    **rest: Any,
) -> Plan:
    if seed is not None and not amplify:
        raise Misuse("--seed is for --amplify: it says where to sleep")
    if amplify and seed is None:
        seed = secrets.randbelow(SEEDS)
    load = Load(clients, requests, path, method, number, timeout, login)
    load = _with(load, request) if request else load
    return Plan(load=load, chdir=Path(chdir), seed=seed, **rest)


def _with(load: Load, request: str) -> Load:
    """The same load with a request in the notation of `instep explore`."""
    from instep.races.exploring.asking import parse

    if (load.method, load.path) != ("GET", "/"):
        raise Misuse("--request says method and path already: leave out --path and --method")
    asked = parse(request)
    return replace(
        load, method=asked.method, path=asked.path, headers=asked.headers, body=asked.body
    )


def _forks(plan: Plan, as_json: bool) -> NoReturn:
    """Only the fork scan, and its exit."""
    found = scan(plan)
    if as_json:
        seen = {"target": plan.target, "server": plan.server, **forks(found)}
        click.echo(json.dumps(seen, indent=1))
    else:
        out.print(f"[bold]{escape(plan.target)}[/] under {plan.server}, loaded before it forks")
        _leftovers(found)
    sys.exit(WRONG if found.leftovers else RIGHT)


def _leftovers(found: Scan) -> None:
    out.print(f"\n[bold]{fork_words.title(found)}[/]")
    for line in fork_words.sentences(found.leftovers):
        out.print(Padding(escape(line), (0, 0, 0, 2), expand=False))


def _watched(plan: Plan, *, quiet: bool) -> list[Run]:
    """All runs of the plan, behind a progress bar on standard error."""
    with bar() as progress:
        progress.disable |= quiet
        task = progress.add_task(f"starting {plan.server}", total=plan.load.requests)
        return list(
            prove(
                plan,
                lambda cell, turn, done: progress.update(
                    task, completed=done, description=f"{plan.server} {cell}, round {turn}"
                ),
            )
        )


def _print(plan: Plan, runs: list[Run], page: Path | None) -> None:
    load = plan.load
    user = f"as one user, logged in at {escape(load.login)}, " if load.login else ""
    out.print(
        f"[bold]{escape(plan.target)}[/]: {load.method} {escape(load.path)} under {plan.server}, "
        f"{user}"
        f"{load.clients} clients at once, {load.requests} requests per run; "
        f"the number is {escape(words.where(load.number))}"
        f"{'' if plan.seed is None else f'; amplified with seed {plan.seed}'}"
    )
    out.print()
    out.print(_table(plan, runs))
    for run in runs:
        out.print(f"\n[bold]{words.setting(run, plan.server)}[/]: {_verdict(run.verdict)}")
        for line in words.explanation(run, plan.server):
            out.print(Padding(escape(line), (0, 0, 0, 2), expand=False))
        if run.verdict.sample and run.printed:
            err.print(f"the server printed:\n{escape(run.printed)}", soft_wrap=True)
    if found := widest(runs):
        _leftovers(found)
    if page:
        out.print(f"\nreport: {escape(str(page))}")


def _table(plan: Plan, runs: list[Run]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("server", "answers", "different", "unique", "gap-free", "in order", "verdict"):
        counts = heading in ("answers", "different")
        table.add_column(heading, no_wrap=True, justify="right" if counts else "left")
    for run in runs:
        verdict = run.verdict
        judged = [_yes(verdict.unique), _yes(verdict.gap_free), _yes(verdict.ordered)]
        table.add_row(
            words.setting(run, plan.server),
            str(verdict.answered),
            str(verdict.distinct),
            *(judged if verdict.answered else ["-"] * 3),
            f"[{COLOUR[verdict.word]}]{verdict.word}[/]",
        )
    return table


def _yes(good: bool) -> str:
    return "yes" if good else "[red]no[/]"


def _verdict(verdict: Verdict) -> str:
    return f"[{COLOUR[verdict.word]}]{words.conclusion(verdict)}[/]"
