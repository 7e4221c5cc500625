"""What every command has in common: two consoles, a progress bar, and how it ends."""

import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console
from rich.markup import escape

from instep.errors import InstepError, Misuse

if TYPE_CHECKING:
    from rich.progress import Progress

RIGHT, WRONG, FAILED = 0, 1, 2
"""Exit codes: done and right, done and found wrong, could not be done."""

out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)


class Terminated(KeyboardInterrupt):
    """A termination, which nobody takes for an error of the program that is running."""


@contextmanager
def outcome(
    as_json: bool = False,
    *,
    failed: str = "could not run",
    interrupted: str = "every server has been ended",
) -> Iterator[None]:
    """Turn what goes wrong into an exit code; a termination unwinds the stack as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except (InstepError, OSError) as error:
        if as_json:
            click.echo(json.dumps({"verdict": "not run", "error": _told(error)}, indent=1))
        else:
            err.print(f"[bold red]{failed}:[/] {escape(_told(error))}", soft_wrap=True)
        sys.exit(FAILED)
    except Terminated:
        sys.exit(128 + signal.SIGTERM)
    except KeyboardInterrupt:
        err.print(f"interrupted; {interrupted}")
        sys.exit(128 + signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def surprise() -> Iterator[None]:
    """Turn an error that is ours into one line that can be reported, instead of a traceback."""
    try:
        yield
    except (InstepError, OSError, click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"
        err.print(
            f"[bold red]instep itself failed[/] ({where}): "
            f"{escape(f'{type(error).__name__}: {error}')}\n"
            "This is a bug; please report it with what you ran.",
            soft_wrap=True,
        )
        sys.exit(FAILED)


def writable(file: Path | None) -> None:
    """Refuse a report's file that cannot be written, before the work is done and not after it.

    Raises:
        Misuse: its folder is not there, or neither it nor its folder may be written.
    """
    if file is None:
        return
    if not file.parent.is_dir():
        raise Misuse(f"{file} cannot be written: there is no folder {file.parent}")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise Misuse(f"{file} cannot be written: permission denied")


def _told(error: Exception) -> str:
    """An error in words; the system's without its number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _leave(number: int, frame: Any) -> NoReturn:
    raise Terminated


def bar() -> "Progress":
    """A progress bar on standard error, if that is a terminal."""
    # Imported here: it takes as long as the rest of rich, and most commands need no bar.
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(
        *columns, TimeElapsedColumn(), console=err, transient=True, disable=not err.is_terminal
    )
