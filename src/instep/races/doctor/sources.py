"""The files in which a project says how it is started, and the commands that stand in each.

Every reader is a pure function from the text of one file to `Stated` commands; none of them runs
anything. Which of the commands starts a server is decided elsewhere.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from instep.races.doctor.entries import entries, quoted
from instep.races.doctor.shell import joined


@dataclass(frozen=True, slots=True)
class Stated:
    """A command that some file says the program is started with.

    Args:
        command: as a line for a shell.
        where: the file, and the line if it is known.
        variables: of the environment that it is started with.
        replicas: how many such containers or machines.
        folder: the folder it is started in, if the file says.
        main: whether this is what the program is started with, and not one command of several.
    """

    command: str
    where: str
    variables: Mapping[str, str] = field(default_factory=dict)
    replicas: int | None = None
    folder: str | None = None
    main: bool = False


Reader = Callable[[str, str], Iterator[Stated]]


def procfile(text: str, name: str) -> Iterator[Stated]:
    """`web: gunicorn app:app`.

    Example:
        >>> [stated.command for stated in procfile("web: serve\\nworker: rq", "Procfile")]
        ['serve']
    """
    for number, line in enumerate(text.splitlines(), 1):
        process, _, command = line.partition(":")
        if process.strip() == "web":
            yield Stated(command.strip(), f"{name}:{number}", main=True)


def dockerfile(text: str, name: str) -> Iterator[Stated]:
    """`ENTRYPOINT` and `CMD` of the last stage, in exec and in shell form, with its `ENV`."""
    variables: dict[str, str] = {}
    entry, command, folder, line_of_it = "", "", PurePosixPath(), 1
    for number, line in _instructions(text):
        word, _, rest = line.strip().partition(" ")
        match word.upper():
            case "FROM":
                entry, command, folder = "", "", PurePosixPath()
            case "ENV" | "ARG":
                variables |= _pairs(rest)
            case "WORKDIR":
                folder /= rest.strip()
            case "ENTRYPOINT":
                entry, line_of_it, command = _form(rest), number, ""
            case "CMD":
                command, line_of_it = _form(rest), number
    if entry or command:
        words, where = f"{entry} {command}".strip(), f"{name}:{line_of_it}"
        yield Stated(words, where, variables, folder=str(folder), main=True)


def _instructions(text: str) -> list[tuple[int, str]]:
    kept = "\n".join("" if line.lstrip().startswith("#") else line for line in text.splitlines())
    return joined(re.sub(r"\\\n(\n)+", "\\\\\n", kept))


def _form(rest: str) -> str:
    """Exec form `["a", "b c"]` as a line for a shell, shell form as it is."""
    try:
        words = json.loads(rest)
    except ValueError:
        return rest.strip()
    return " ".join(map(quoted, words)) if isinstance(words, list) else rest.strip()


def _pairs(text: str) -> dict[str, str]:
    """`A=1 B="two"`, or the old `A 1`."""
    if "=" not in text.split(" ", 1)[0]:
        name, _, value = text.strip().partition(" ")
        return {name: value.strip()} if value else {}
    found = re.findall(r"""(\w+)=("[^"]*"|'[^']*'|\S*)""", text)
    return {name: value.strip("\"'") for name, value in found}


def compose(text: str, name: str) -> Iterator[Stated]:
    """The services of a compose file that say what they run, or that are built."""
    first = re.search(r"^services:.*\n(?:\s*(?:#.*)?\n)*( +)", text, re.MULTILINE)
    indent = len(first[1]) if first else 2
    for begin, part in _parts(text, rf" {{{indent}}}[\w.-]+:\s*$"):
        built = re.search(r"^\s+build:", part, re.MULTILINE) is not None
        yield from _container(part, name, begin, built=built)


def platform(text: str, name: str) -> Iterator[Stated]:
    """The start command in `render.yaml`, `app.yaml`, `heroku.yml`; Kubernetes' containers."""
    for begin, part in _parts(text, r"^---|^\s*- (type|kind):"):
        yield from _container(part, name, begin)


_STARTS = "entrypoint|command|args|startCommand|dockerCommand|web|start"


def _container(part: str, name: str, begin: int, *, built: bool = False) -> Iterator[Stated]:
    """What one service says, its words in the order in which they are put together."""
    found = {key: (line, value) for line, key, value in entries(part, _STARTS)}
    words = [found[key] for key in _STARTS.split("|") if key in found]
    replicas = re.search(r"^\s*(?:replicas|scale|numInstances):\s*['\"]?(\d+)", part, re.M)
    folder = re.search(r"^\s*working_?[dD]ir:\s*(\S+)", part, re.M)
    variables = re.findall(r"^\s*-? *([A-Z][A-Z0-9_]+)(?:=|: *)['\"]?([^'\"\n]*)", part, re.M)
    if words or built:
        line = begin + (words[-1][0] if words else 1) - 1
        yield Stated(
            " ".join(value for _, value in words),
            f"{name}:{line}",
            dict(variables),
            int(replicas[1]) if replicas else None,
            folder[1] if folder else None,
        )


def _parts(text: str, header: str) -> Iterator[tuple[int, str]]:
    """A file cut before each line that begins a service, with the line where each part begins."""
    lines = text.splitlines()
    cuts = [number for number, line in enumerate(lines) if re.match(header, line)]
    for begin, end in pairwise([0, *cuts, len(lines)]):
        yield begin + 1, "\n".join(lines[begin:end])


def unit(text: str, name: str) -> Iterator[Stated]:
    """`ExecStart=` of a systemd unit."""
    variables: dict[str, str] = {}
    folder = None
    for number, line in joined(text):
        key, _, value = line.strip().partition("=")
        if key == "Environment":
            variables |= _pairs(value.strip("\"'") if value.startswith(('"', "'")) else value)
        elif key == "WorkingDirectory":
            folder = value.strip()
        elif key == "ExecStart":
            yield Stated(value.strip().lstrip("@-:+!"), f"{name}:{number}", variables, None, folder)


def supervisor(text: str, name: str) -> Iterator[Stated]:
    """`command=` of supervisor's programs, with `numprocs`."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for section in parser.sections():
        if section.startswith("program:") and (
            command := parser.get(section, "command", fallback="")
        ):
            many = parser.get(section, "numprocs", fallback="1") or "1"
            folder = parser.get(section, "directory", fallback=None)
            replicas = int(many) if many.isdigit() else None
            yield Stated(command, _where(text, name, command), {}, replicas, folder)


def _where(text: str, name: str, command: str) -> str:
    """The line on which a command begins."""
    first = next((word for word in re.split(r"[\s\"']+", command) if word), None)
    for number, line in enumerate(text.splitlines(), 1):
        if first and first in line and not line.lstrip().startswith("#"):
            return f"{name}:{number}"
    return name


def toml(text: str, name: str) -> Iterator[Stated]:
    """`fly.toml` and `railway.toml`."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    variables = {key: str(value) for key, value in _part(tree, "env").items()}
    for place in (_part(tree, "processes"), _part(tree, "deploy")):
        for key, line in place.items():
            if isinstance(line, str) and line and key not in ("strategy", "release_command"):
                yield Stated(line, _where(text, name, line), variables)
    if isinstance(command := _part(tree, "experimental").get("cmd"), str | list):
        line = command if isinstance(command, str) else " ".join(map(quoted, command))
        yield Stated(line, _where(text, name, line), variables)


def _part(tree: dict[str, Any], key: str) -> dict[str, Any]:
    value = tree.get(key)
    return value if isinstance(value, dict) else {}


def script(text: str, name: str) -> Iterator[Stated]:
    """The lines of a shell script, with what it sets and exports before."""
    variables: dict[str, str] = {}
    for number, line in joined(text):
        stripped = line.strip()
        if match := re.match(r"(?:export\s+|: )?(\w+)=(\"[^\"]*\"|'[^']*'|[^\s;]*)\s*$", stripped):
            variables = {**variables, match[1]: match[2].strip("\"'")}
        elif stripped and not stripped.startswith("#"):
            yield Stated(stripped, f"{name}:{number}", variables)
