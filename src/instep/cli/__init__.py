"""The command line: parses, calls, prints. Everything it does can be called from other rooms.

A command's module is imported when the command is asked for, so that none pays for the others.
"""

from collections.abc import Iterator, MutableMapping
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

MODULES = (
    "check",
    "explain",
    "explore",
    "doctor",
    "prove",
    "demo",
    "copy",
    "dump",
    "load",
    "serve",
)
"""Where the commands are: `check` is `check_command` in check.py."""


class Commands(MutableMapping[str, click.Command]):
    """The commands by name, each imported at its first use."""

    def __init__(self, names: tuple[str, ...]) -> None:
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


@click.group(commands=Commands(MODULES), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="instep")
def main() -> None:
    """Keep every worker in step."""


def __getattr__(name: str) -> Any:
    if name == "prove_command":
        return main.commands["prove"]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
