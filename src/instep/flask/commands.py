"""`flask instep …`: look at what is in the store, and delete from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

import click
from flask.cli import AppGroup

from flask import current_app

from ..codec.legible import legible
from ..errors import InstepError

if TYPE_CHECKING:
    from .extension import Instep

commands = AppGroup("instep", help="Look at the objects that the workers share.")


def _told(command: Callable[..., None]) -> Callable[..., None]:
    """An error of ours is told in one line, not as a traceback."""

    @wraps(command)
    def told(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InstepError as error:
            raise click.ClickException(str(error)) from error

    return told


def _shared() -> Instep:
    return cast("Instep", current_app.extensions["instep"])


@commands.command("ls")
@click.argument("prefix", default="")
@_told
def ls(prefix: str) -> None:
    """List the names in the store that begin with PREFIX."""
    shared = _shared()
    for name in shared.names(prefix):
        about = shared.describe(name)
        entries = "" if about.entries is None else f"  {about.entries} entries"
        click.echo(f"{name}  {about.kind}{f' of {about.cls}' if about.cls else ''}{entries}")


@commands.command("show")
@click.argument("name")
@_told
def show(name: str) -> None:
    """Print the state of the object NAME as JSON."""
    shared = _shared()
    packed = shared.codec.pack(shared.describe(name).state, name)
    try:
        click.echo(json.dumps(legible(packed), indent=1))
    except ValueError as error:
        raise click.ClickException(f"{name} {error}") from None


@commands.command("describe")
@click.argument("name")
@_told
def describe(name: str) -> None:
    """Print what the store keeps under NAME: kind, class, version, size."""
    about = _shared().describe(name)
    for what in ("name", "kind", "cls", "version", "entries", "size"):
        value = getattr(about, what)
        if value is not None:
            click.echo(f"{'class' if what == 'cls' else what}: {value}")


@commands.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_told
def delete(name: str, yes: bool) -> None:
    """Delete everything under NAME."""
    shared = _shared()
    about = shared.describe(name)
    if not yes:
        click.confirm(f"Delete the {about.kind} {name!r} ({about.size:,} bytes)?", abort=True)
    shared.delete(name)
    click.echo(f"deleted {name}")
