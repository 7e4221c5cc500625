"""What every command has in common: two consoles, a progress bar, and how it ends."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from instep.errors import InstepError

RIGHT, WRONG, FAILED = 0, 1, 2
"""Exit codes: done and right, done and found wrong, could not be done."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


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
    except KeyboardInterrupt:
        err.print(f"interrupted; {interrupted}")
        sys.exit(128 + signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, before)


def _told(error: Exception) -> str:
    """An error in words; the system's without its number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _leave(number: int, frame: Any) -> NoReturn:
    sys.exit(128 + number)


def bar() -> Progress:
    """A progress bar on standard error, if that is a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(
        *columns, TimeElapsedColumn(), console=err, transient=True, disable=not err.is_terminal
    )
