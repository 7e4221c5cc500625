"""`instep explore`: two or three requests in all orders that make a difference."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from instep.races.exploring import story
from instep.races.exploring.document import document, verdict
from instep.races.exploring.page import page
from instep.races.exploring.plan import Exploration, Limits
from instep.races.exploring.program import Question, answered
from instep.races.writing import write

from .outcome import FAILED, RIGHT, WRONG, err, out, outcome, surprise, writable

_COUNT = click.IntRange(min=1)
_SECONDS = click.FloatRange(min=0, min_open=True)
_FILE = click.Path(dir_okay=False)
_PAGE = click.Path(dir_okay=False, path_type=Path)
_DEFAULT = Limits()
EXIT = {"wrong": WRONG, "right": RIGHT, "not run": FAILED}


@click.command("explore")
@click.argument("target", metavar="MODULE:APP")
@click.argument("requests", nargs=-1, metavar="[REQUEST]...")
@click.option("--first", multiple=True, metavar="REQUEST", help="Made before, such as a login.")
@click.option(
    "--then", multiple=True, metavar="REQUEST", help="Made at the end; its answer counts."
)
@click.option(
    "--invariant", metavar="MODULE:FUNCTION", help="Called at the end; must not be false."
)
@click.option(
    "--reset", metavar="MODULE:FUNCTION", help="Called first: puts files and tables back."
)
@click.option("--candidates-from", "found", type=_FILE, help="What `check --format json` wrote.")
@click.option("--schedules", type=_COUNT, default=_DEFAULT.schedules, help="At most so many.")
@click.option("--seconds", type=_SECONDS, default=_DEFAULT.seconds, help="At most so long.")
@click.option("--timeout", type=_SECONDS, default=_DEFAULT.timeout, help="Seconds per schedule.")
@click.option("--preemptions", type=click.IntRange(min=0), default=2, help="At most so many.")
@click.option("--random", type=click.IntRange(min=0), default=_DEFAULT.random, help="So many more.")
@click.option("--seed", type=int, default=0, help="Of the random ones.")
@click.option("--replay", metavar="ID", help="Run one schedule again.")
@click.option(
    "--chdir", type=click.Path(exists=True, file_okay=False), default=".", help="Run there."
)
@click.option("--width", type=click.IntRange(min=60), help="Columns of the story; 100 or 80.")
@click.option("--html", type=_PAGE, help="Write an HTML page with the picture.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def explore_command(
    as_json: bool, html: Path | None, width: int | None, chdir: str, **options: Any
) -> None:
    """Make two or three requests at the same time, in every order that makes a difference.

    A REQUEST is "METHOD /path", a body if there is one, and -H headers: 'POST /order {"item": 3}',
    'POST /order item=3 -H "X-User: ann"', or @FILE. One alone is made twice; none at all takes
    what --candidates-from found.

    Exits with 0 if every outcome equals some sequential order, 1 if not, and 2 if it could not be
    explored, or every request failed.
    """
    with outcome(as_json, failed="could not explore", interrupted="nothing was left"), surprise():
        writable(html)
        results = answered(_question(Path(chdir), **options))
        if html:
            write(html, page(options["target"], results))
        if as_json:
            click.echo(json.dumps(document(options["target"], results), indent=1))
        else:
            for result in results:
                _print(options["target"], result, width or (100 if out.width >= 100 else 80))
            if html:
                out.print(f"\nreport: {escape(str(html))}")
    sys.stdout = sys.stderr  # what the program says at its exit is not ours either
    sys.exit(EXIT[verdict(results)])


def _question(chdir: Path, **options: Any) -> Question:
    names = ("schedules", "seconds", "timeout", "preemptions", "random", "seed")
    limits = Limits(**{name: options.pop(name) for name in names})
    return Question(chdir=chdir, limits=limits, **options)


def _print(target: str, result: Exploration, width: int) -> None:
    names = " | ".join(result.calls)
    out.print(f"[bold]{escape(target)}[/]: {escape(names)}", soft_wrap=True)
    for warning in result.warnings:
        err.print(f"[yellow]note:[/] {escape(warning)}", soft_wrap=True)
    found = result.violation
    if found:
        out.print(f"[bold red]violation[/] ({found.kind})", soft_wrap=True)
    for line in story.told(result, width):
        out.print(escape(line), soft_wrap=True)
