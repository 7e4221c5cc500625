"""`instep doctor`: do I need to worry? Where? What should I do first?"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import wrap

import click
from rich.markup import escape
from rich.text import Text

from instep.races.checking.config import found
from instep.races.doctor import sentences
from instep.races.doctor.diagnosis import Diagnosis, Trouble, Worry
from instep.races.doctor.document import document
from instep.races.doctor.examination import Examined, examine
from instep.races.doctor.page import page
from instep.races.servers import SERVERS
from instep.races.writing import write

from .outcome import FAILED, RIGHT, WRONG, err, out, outcome, surprise, writable

EXIT = {
    Worry.YES: WRONG,
    Worry.NOT_AS_DEPLOYED: WRONG,
    Worry.NOTHING_FOUND: RIGHT,
    Worry.UNKNOWN: FAILED,
}
COLOUR = {
    Worry.YES: "bold red",
    Worry.NOT_AS_DEPLOYED: "bold yellow",
    Worry.NOTHING_FOUND: "bold green",
    Worry.UNKNOWN: "bold yellow",
}
LISTED = 10
"""Pieces of state that are named where not all are told in full."""

WIDTH = min(out.width, 100)
_COUNT = click.IntRange(min=1)


@click.command("doctor")
@click.argument("target", metavar="[MODULE:APP]", required=False)
@click.option(
    "--chdir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="The project's folder.",
)
@click.option("--request", "requests", multiple=True, help="Such as 'POST /order {\"item\": 3}'.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    help="That all of it may take.",
)
@click.option("--run/--no-run", default=True, help="Also run it (default), or only read it.")
@click.option("--in-place", is_flag=True, help="Run it in its own folder, not in a copy.")
@click.option(
    "--server", type=click.Choice(list(SERVERS)), help="How it is served, if no file says so."
)
@click.option("--workers", type=_COUNT, help="How many processes answer.")
@click.option("--threads", type=_COUNT, help="How many requests at once in each.")
@click.option("--all", "everything", is_flag=True, help="Tell all of it in full, not the first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option(
    "--html", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML page."
)
def doctor_command(
    target: str | None,
    chdir: Path,
    requests: tuple[str, ...],
    seconds: float,
    run: bool,
    in_place: bool,
    server: str | None,
    workers: int | None,
    threads: int | None,
    everything: bool,
    as_json: bool,
    file: Path | None,
) -> None:
    """Do I need to worry? Read a program, try it under its own server, and say what to do first.

    Without MODULE:APP the application is looked for as Flask does. What is run is run in a copy of
    the folder; a database on a server is used as the program is configured to.

    Exits with 0 if nothing was found, 1 if something was, and 2 if nobody can say.
    """
    with outcome(as_json, failed="could not examine"), surprise():
        writable(file)
        root = chdir.resolve()
        wanted = Examined(
            target=target,
            root=root,
            requests=requests,
            seconds=seconds,
            run=run,
            in_place=in_place,
            config=replace(found(root), root=root),
            server=server,
            workers=workers,
            threads=threads,
        )
        diagnosis = _watched(wanted, quiet=as_json)
        name = diagnosis.application.target if diagnosis.application else root.name
        if file is not None:
            write(file, page(diagnosis, name))
    if as_json:
        click.echo(json.dumps(document(diagnosis), indent=1))
    else:
        _print(diagnosis, None if everything else 1, file)
    sys.exit(EXIT[diagnosis.worry])


def _watched(wanted: Examined, *, quiet: bool) -> Diagnosis:
    """The examination, with what it is at on standard error, if that is a terminal."""
    if quiet or not err.is_terminal:
        return examine(wanted)
    with err.status("beginning") as status:
        return examine(wanted, lambda words: status.update(escape(words)))


def _print(diagnosis: Diagnosis, shown: int | None, file: Path | None) -> None:
    _say(sentences.answer(diagnosis), style=COLOUR[diagnosis.worry])
    out.print()
    first, *rest = sentences.served(diagnosis)
    _say(first)
    for line in rest:
        _say(line, 2)
    if said := sentences.not_run(diagnosis):
        _say(said, style="yellow")
    for trouble in diagnosis.troubles[:shown]:
        _heading(sentences.first(diagnosis) if trouble is diagnosis.troubles[0] else "")
        _trouble(diagnosis, trouble)
    if len(diagnosis.troubles) > 1:
        _heading("All of it, the worst first")
        _table(sentences.rows(diagnosis)[: shown and LISTED])
        if shown and (more := len(diagnosis.troubles) - LISTED) > 0:
            _say(f"and {more} more", 2)
        _say(f"{sentences.legend(diagnosis)}.", 2)
        if shown:
            _say("instep doctor --all tells each as the first one is told here.", 2)
    if diagnosis.leftovers:
        _heading("Shared from before the fork")
        for line in diagnosis.leftovers:
            _say(line, 2)
    _heading("What was done")
    for name, said, spent in sentences.stages(diagnosis):
        _say(f"{name:8}{spent:>6}  {said}", 2, hanging=16)
    out.print()
    _say(sentences.CANNOT_SEE)
    if file is not None:
        out.print(f"\npage: {escape(str(file))}", soft_wrap=True)


def _trouble(diagnosis: Diagnosis, trouble: Trouble) -> None:
    finding = trouble.entry.finding
    _say(sentences.heading(trouble), 2, style="bold")
    _say(sentences.consequence(trouble), 2)
    _say(f"with instep:    {finding.fix}", 4, hanging=16)
    _say(f"in plain Flask: {finding.plain}", 4, hanging=16)
    _say(f"why:            {sentences.why(trouble)}", 4, hanging=16)
    out.print()
    _say(sentences.reached(trouble), 2)
    for line in sentences.when(diagnosis, trouble):
        _say(line, 2)
    for said, lines in sentences.evidence(diagnosis, trouble):
        out.print()
        _say(said, 2)
        for line in lines:
            _say(line, 4)
    if trouble.replay:
        out.print(f"    again: {escape(trouble.replay)}", soft_wrap=True)  # to be copied


def _table(rows: list[tuple[str, str, str]]) -> None:
    """On one line each if all of them fit; if not, the place has a line of its own."""
    sure, name = (max(len(row[column]) for row in rows) for column in (0, 1))
    wide = any(sure + name + len(row[2]) + 6 > WIDTH for row in rows)
    for row in rows:
        between = f"\n{' ' * (sure + 4)}" if wide else " " * (name - len(row[1]) + 2)
        line = f"  {row[0]:{sure}}  {row[1]}{between}{row[2]}"
        out.print(escape(line), soft_wrap=True)


def _heading(text: str) -> None:
    out.print()
    if text:
        out.print(f"[bold]{text}[/]\n")


def _say(text: str, indent: int = 0, *, hanging: int = 0, style: str = "") -> None:
    """A sentence, wrapped between words and without spaces at the end."""
    if not text:
        return
    begin = " " * indent
    lines = wrap(
        text,
        WIDTH,
        initial_indent=begin,
        subsequent_indent=begin + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    out.print(Text("\n".join(lines), style), soft_wrap=True)
