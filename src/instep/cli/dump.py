"""`instep dump`: a store as lines of JSON."""

import sys
from pathlib import Path

import click
from rich.markup import escape

from instep.moving import dump, opened
from instep.moving.dumping import in_place_of

from .outcome import err, out
from .transfer import at, moving, prefix_option, watched


@click.command("dump")
@click.argument("url", callback=at)
@click.argument("file", type=click.Path(dir_okay=False), default="-")
@prefix_option
def dump_command(url: str, file: str, prefix: str) -> None:
    """Write the records of a store to FILE as lines of JSON; - is standard output.

    The file is made whole, mode 0600, and only then takes its place.

    Exits with 0, or with 2 if it could not be done.
    """
    with moving("could not dump", "the file is as it was"):
        with opened(url, reading=True) as store, watched() as watch:
            if file == "-":
                dumped = dump(store, sys.stdout.buffer, prefix=prefix, watch=watch)
            else:
                with in_place_of(Path(file)) as stream:
                    dumped = dump(store, stream, prefix=prefix, watch=watch)
        console = err if file == "-" else out
        where = "" if file == "-" else f" to {file}"
        plural = "" if dumped.records == 1 else "s"
        console.print(
            escape(f"dumped {dumped.records:,} record{plural}{where}, {dumped.size:,} bytes"),
            soft_wrap=True,
        )
        if dumped.opaque:
            console.print(f"{dumped.opaque:,} of them in base64: they cannot be shown without loss")
