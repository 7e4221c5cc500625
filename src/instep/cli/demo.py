"""`instep demo`: the programs in examples/, side by side."""

from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from instep.races import demo as demonstration
from instep.races.prove import Run

from .outcome import bar, out, outcome
from .prove import COLOUR


@click.command("demo")
def demo_command() -> None:
    """Prove the programs in examples/ under several servers, and say why they differ.

    Exits with 0 when it ran, whatever it found, and 2 if it could not run.
    """
    with outcome():
        folder = demonstration.examples()
        results = _demonstrated(folder)
    out.print("\n100 clients at once: how many different numbers they got, and the verdict\n")
    out.print(_side_by_side(results))
    for paragraph in demonstration.why(results):
        out.print(f"\n{escape(paragraph)}")
    out.print("\n[bold]By hand[/]")
    for line in demonstration.by_hand(folder):
        out.print(f"  {escape(line)}")


def _demonstrated(folder: Path) -> list[demonstration.Result]:
    total = len(demonstration.PROGRAMS) * len(demonstration.WAYS)
    with bar() as progress:
        task = progress.add_task("starting", total=total, completed=-1)
        return list(
            demonstration.demonstrate(
                folder,
                lambda program, way: progress.update(
                    task, advance=1, description=f"{program}, {way}"
                ),
            )
        )


def _side_by_side(results: list[demonstration.Result]) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0))
    table.add_column("gunicorn", no_wrap=True)
    for program, title in demonstration.PROGRAMS.items():
        table.add_column(f"{title}\n[dim]{program}[/]", no_wrap=True)
    for way in demonstration.WAYS:
        runs = {result.program: result.run for result in results if result.way == way}
        table.add_row(str(way), *(_cell(runs[program]) for program in demonstration.PROGRAMS))
    return table


def _cell(run: Run) -> str:
    verdict = run.verdict
    counts = f"{verdict.distinct} of {verdict.answered} {verdict.word}"
    return "\n".join([f"[{COLOUR[verdict.word]}]{counts}[/]", *verdict.diseases])
