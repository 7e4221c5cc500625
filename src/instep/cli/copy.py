"""`instep copy`: from one store to another."""

from typing import Any

import click

from instep.moving import copy, opened

from .transfer import at, finish, moving, target_options, watched


@click.command("copy")
@click.argument("source", metavar="FROM", callback=at)
@click.argument("target", metavar="TO", callback=at)
@target_options
def copy_command(source: str, target: str, **rules: Any) -> None:
    """Copy records with versions and expiry from one store to another, and compare.

    Run it while no program uses either. If it is interrupted, run it again: it goes on. A URL with
    a password is better given as env:NAME, the environment variable that has it.

    Exits with 0 if all records are equal at the end, 1 if not or if there was none to copy, and 2
    if it could not be done.
    """
    with moving("could not copy"):
        with opened(source, reading=True) as old, opened(target) as new, watched() as watch:
            moved = copy(old, new, watch=watch, **rules)
            where = new.url
        finish(moved, "copied to", where)
