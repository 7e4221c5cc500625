"""`instep load`: lines of JSON into a store."""

import sys
from typing import Any, BinaryIO

import click

from instep.errors import Misuse
from instep.moving import load, opened

from .transfer import at, finish, moving, target_options, watched


def _opened(file: str) -> BinaryIO:
    try:
        return open(file, "rb")
    except OSError as error:
        raise Misuse(
            f"{file} cannot be read: {error.strerror}; name what instep dump wrote"
        ) from None


@click.command("load")
@click.argument("file", type=click.Path(dir_okay=False))
@click.argument("url", callback=at)
@target_options
def load_command(file: str, url: str, **rules: Any) -> None:
    """Load what `instep dump` wrote to FILE into a store, and compare; - is standard input.

    The whole file is checked before anything is written. If it is interrupted, run it again: it
    goes on.

    Exits with 0 if all records are equal at the end, 1 if not or if there was none to load, and 2
    if it could not be done.
    """
    with moving("could not load"):
        with opened(url) as store, watched() as watch:
            if file == "-":
                moved = load(sys.stdin.buffer, store, watch=watch, **rules)
            else:
                with _opened(file) as stream:
                    moved = load(stream, store, watch=watch, **rules)
            where = store.url
        finish(moved, "loaded into", where)
