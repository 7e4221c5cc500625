"""`instep doctor`: do I need to worry? Where? What should I do first?"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import click
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from instep.races.checking.config import found
from instep.races.doctor import sentences
from instep.races.doctor.diagnosis import Diagnosis, Trouble, Worry
from instep.races.doctor.document import document
from instep.races.doctor.examination import Examined, examine
from instep.races.doctor.page import page

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
    help="That running it may take.",
)
@click.option("--run/--no-run", default=True, help="Also run it (default), or only read it.")
@click.option("--in-place", is_flag=True, help="Run it in its own folder, not in a copy.")
@click.option("--server", help="How it is served, if no file says so: gunicorn, uwsgi, waitress.")
@click.option("--workers", type=_COUNT, help="How many processes answer.")
@click.option("--threads", type=_COUNT, help="How many requests at once in each.")
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
            file.write_text(page(diagnosis, name))
    if as_json:
        click.echo(json.dumps(document(diagnosis), indent=1))
    else:
        _print(diagnosis, name, file)
    sys.exit(EXIT[diagnosis.worry])


def _watched(wanted: Examined, *, quiet: bool) -> Diagnosis:
    """The examination, with what it is at on standard error, if that is a terminal."""
    if quiet or not err.is_terminal:
        return examine(wanted)
    with err.status("beginning") as status:
        return examine(wanted, lambda words: status.update(escape(words)))


def _print(diagnosis: Diagnosis, name: str, file: Path | None) -> None:
    out.print(f"[bold]{escape(name)}[/]: do I need to worry?\n")
    out.print(f"[{COLOUR[diagnosis.worry]}]{escape(sentences.answer(diagnosis))}[/]\n")
    first, *rest = sentences.served(diagnosis)
    out.print(f"Served by {escape(first)}.")
    for line in rest:
        _indented(line)
    if diagnosis.troubles:
        out.print()
        out.print(_table(diagnosis))
        out.print(f"\n[bold]{sentences.first(diagnosis)}[/]")
    for number, trouble in enumerate(diagnosis.troubles, 1):
        _trouble(number, diagnosis, trouble)
    if diagnosis.leftovers:
        out.print("\n[bold]Shared from before the fork[/]")
        for line in diagnosis.leftovers:
            _indented(line)
    out.print("\n[bold]What was done[/]")
    out.print(_stages(diagnosis))
    out.print(f"\n{sentences.CANNOT_SEE}")
    if steps := sentences.next_steps(diagnosis):
        out.print("\n[bold]More[/]")
        for step in steps:
            _indented(step)
    if file is not None:
        out.print(f"\npage: {escape(str(file))}", soft_wrap=True)


def _table(diagnosis: Diagnosis) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in sentences.headings(diagnosis):
        table.add_column(heading, overflow="fold")
    for trouble in diagnosis.troubles:
        table.add_row(*map(escape, sentences.row(diagnosis, trouble)))
    return table


def _trouble(number: int, diagnosis: Diagnosis, trouble: Trouble) -> None:
    finding = trouble.entry.finding
    out.print(f"\n[bold]{number}. {escape(sentences.heading(trouble))}[/]")
    _indented(sentences.consequence(trouble))
    _indented(sentences.reached(trouble))
    for line in sentences.when(diagnosis, trouble):
        _indented(line)
    for said, lines in sentences.evidence(trouble):
        _indented(said)
        for line in lines:
            _indented(line, 4)
    for note in trouble.notes[:3]:
        _indented(f"({note})", 4)
    _indented(f"with instep:    {finding.fix}")
    _indented(f"in plain Flask: {finding.plain}")


def _stages(diagnosis: Diagnosis) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="fold")
    for name, said, spent in sentences.stages(diagnosis):
        table.add_row(f"  {name}", spent, escape(said))
    return table


def _indented(line: str, columns: int = 2) -> None:
    if line:
        out.print(Padding(escape(line), (0, 0, 0, columns), expand=False))
