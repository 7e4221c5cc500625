"""The command line: parses, calls, prints. Everything it does can be called from other rooms.

A command's module is imported when the command is asked for, so that none pays for the others.
"""

import os
import signal
import sys
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    import click
    import rich  # noqa: F401  (it is light; what it is needed for comes later)
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in ("click", "rich"):
        raise
    raise SystemExit(f"instep needs {missing.name}: pip install 'instep[cli]'") from None

if TYPE_CHECKING:
    from .prove import prove_command

__all__ = ["main", "prove_command"]

COMMANDS = {
    "doctor": "Do I need to worry? All of it, and one page.",
    "check": "Look for races in a program, by reading it.",
    "explain": "Show the page of a rule.",
    "explore": "Make requests at once, in every order that matters.",
    "prove": "Judge the answers that a crowd gets from a real server.",
    "demo": "Prove the programs in examples/ under several servers.",
    "copy": "Copy the records of a store to another one.",
    "dump": "Write the records of a store to a file.",
    "load": "Load what dump wrote into a store.",
    "serve": "Run a manager.",
}
"""What there is, and where: `check` is `check_command` in check.py."""


class Commands(MutableMapping[str, click.Command]):
    """The commands by name, each imported at its first use."""

    def __init__(self, names: Iterable[str]) -> None:
        self._found: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        found = self._found[name]
        if found is None:
            module = import_module(f".{name}", __package__)
            found = self._found[name] = getattr(module, f"{name}_command")
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, name: object) -> bool:
        return name in self._found


class Group(click.Group):
    """The commands, which end as they say also before and after they do what they are for."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # while it is loaded
            click.echo("interrupted", err=True)
            raise SystemExit(128 + signal.SIGINT) from None
        except BrokenPipeError:
            raise
        except OSError as error:  # standard output takes nothing, or not all
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            click.echo(f"the output could not be written: {error.strerror}", err=True)
            raise SystemExit(2) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Group,
    commands=Commands(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="instep")
def main() -> None:
    """Keep every worker in step."""


def __getattr__(name: str) -> Any:
    if name == "prove_command":
        return main.commands["prove"]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
