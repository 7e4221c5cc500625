"""What `copy`, `dump` and `load` have in common: options, progress, the last words."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import click
from rich.markup import escape

from instep.moving import Moved

from .outcome import RIGHT, WRONG, bar, err, out, outcome

_AGAIN = "what was written stays, and the same command goes on from there"

prefix_option = click.option("--prefix", default="", help="Only names that begin with it.")


def at(_context: Any, _argument: Any, url: str) -> str:
    """A URL as it is given, or from the environment, where no list of processes shows it."""
    if not url.startswith("env:"):
        return url
    name = url.removeprefix("env:")
    if not os.environ.get(name):
        raise click.BadParameter(f"{url}: there is no {name!r} in the environment")
    return os.environ[name]


def target_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what a target may be and have already."""
    for option in (
        click.option("--volatile", is_flag=True, help="The target may be one that forgets."),
        click.option(
            "--merge", is_flag=True, help="Keep records of the target that the source lacks."
        ),
        click.option(
            "--overwrite", is_flag=True, help="Replace records of the target that differ."
        ),
        prefix_option,
    ):
        command = option(command)
    return command


def moving(failed: str, interrupted: str = _AGAIN) -> AbstractContextManager[None]:
    """How the command ends if something goes wrong."""
    return outcome(failed=failed, interrupted=interrupted)


@contextmanager
def watched() -> Iterator[Callable[[str, int, int | None], None]]:
    """A function that is told of progress, and shows it."""
    with bar() as progress:
        task = progress.add_task("opening", total=None)
        step = ""

        def watch(now: str, done: int, total: int | None) -> None:
            nonlocal step, task
            if now != step:  # with a clock of its own
                progress.remove_task(task)
                task, step = progress.add_task(now, total=total), now
            progress.update(task, completed=done, total=total)

        yield watch


def finish(moved: Moved, done: str, where: str) -> None:
    """Say what was done, and exit accordingly."""
    verb, _, to = done.partition(" ")
    said = [f"{verb} {_records(moved.written)} {to} {where}"]
    if moved.equal:
        said.append(f"{moved.equal:,} were there already")
    if moved.expired:
        said.append(f"{moved.expired:,} had expired")
    out.print(escape(", ".join(said)), soft_wrap=True)
    found = moved.differing
    if not found:
        out.print(
            f"compared {_records(moved.compared)}: [green]all equal[/] in data, version and expiry"
            if moved.compared
            else "no record to compare: is the prefix, or the source, the one that was meant?"
        )
        sys.exit(RIGHT if moved.compared or moved.expired else WRONG)
    out.print(f"compared {_records(moved.compared)}: [red]{found.count:,} differ[/]")
    for name in found.first:
        out.print(f"  {escape(name)}", soft_wrap=True)
    if found.count > len(found.first):
        out.print(f"  and {found.count - len(found.first):,} more")
    err.print(
        "somebody wrote to one of the two meanwhile: end the programs that do, and run it again "
        "with --overwrite; records that the source has no more are deleted at the target by hand",
        soft_wrap=True,
    )
    sys.exit(WRONG)


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"
