"""`instep check`: look for races in a program without running it."""

import atexit
import gc
import json
import sys
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from instep.errors import Misuse
from instep.races.checking import Config, Report, check, document
from instep.races.checking.baseline import write_baseline
from instep.races.checking.config import found
from instep.races.checking.excerpt import Line
from instep.races.checking.github import github
from instep.races.checking.sarif import sarif
from instep.races.checking.text import text
from instep.races.rules.finding import Severity
from instep.races.writing import write

from .outcome import FAILED, RIGHT, WRONG, out, outcome, surprise

FORMATS = ("text", "json", "sarif", "github")
_FILE = click.Path(path_type=Path)
_STDIN = Path("-")


def _words(context: click.Context, option: click.Parameter, value: tuple[str, ...]) -> Any:
    """An option that is given several times, or once with commas."""
    return tuple(word.strip() for given in value for word in given.split(",") if word.strip())


@click.command("check")
@click.argument("paths", metavar="PATH…", nargs=-1, type=_FILE)
@click.option("--select", multiple=True, callback=_words, help="Only these rules: IS101, or IS11.")
@click.option("--ignore", multiple=True, callback=_words, help="Not these rules.")
@click.option("--exclude", multiple=True, help="Files and folders not to read: a pattern.")
@click.option(
    "--min-severity",
    type=click.Choice([str(word) for word in Severity]),
    callback=lambda context, option, word: Severity(word) if word else None,
    help="What counts: medium, unless told.",
)
@click.option(
    "--format", "style", type=click.Choice(FORMATS), default="text", help="Of the report."
)
@click.option("--output", type=_FILE, help="Write the report there.")
@click.option("--baseline", type=_FILE, help="Leave out what this file knows.")
@click.option("--write-baseline", "new", type=_FILE, help="Write what is there now, and pass.")
@click.option("--statistics", is_flag=True, help="Also counts, and comments without use.")
@click.option("--exit-zero", is_flag=True, help="End with 0 whatever is found.")
def check_command(
    paths: tuple[Path, ...],
    style: str,
    output: Path | None,
    new: Path | None,
    statistics: bool,
    exit_zero: bool,
    **options: Any,
) -> None:
    """Look for races: read the program, without importing it, and name the state that can break.

    PATH is a file, a folder (by default this one), or - for standard input. Give the whole
    program: a race is between a view in one file and a helper in another. What pyproject.toml
    says in [tool.instep.check] holds where no option is given.

    Exits with 0 if nothing was found that counts, 1 if something was, and 2 if it could not be
    checked. Low severity does not count unless --min-severity says so.
    """
    # As the process ends, nobody needs a last look for cycles through every syntax tree.
    atexit.register(gc.freeze)
    paths = paths or (Path(),)
    as_json = style == "json" and output is None
    with outcome(as_json, failed="could not check", interrupted="nothing was written"), surprise():
        config = found(_start(paths)).given(**options)
        if new is not None:
            sys.exit(_baseline(paths, config, new))
        report = check(paths, config=config, stdin=_stdin(paths))
        _tell(report, style, output, statistics)
    if not report.files or (report.broken and not report.actors):
        sys.exit(FAILED)  # what could not be read may be all that runs
    sys.exit(WRONG if report.findings and not exit_zero else RIGHT)


def _start(paths: tuple[Path, ...]) -> Path:
    return Path() if paths[0] == _STDIN else paths[0]


def _stdin(paths: tuple[Path, ...]) -> bytes:
    return sys.stdin.buffer.read() if _STDIN in paths else b""


def _baseline(paths: tuple[Path, ...], config: Config, file: Path) -> int:
    """Write a new baseline of all that counts, whatever the old one has."""
    if _STDIN in paths:
        raise Misuse("standard input has no place that a baseline could know again: name its file")
    report = check(paths, config=replace(config, baseline=None), stdin=_stdin(paths))
    count = write_baseline(file, report.findings)
    out.print(Text(f"{count} finding{'' if count == 1 else 's'} written to {file}"), soft_wrap=True)
    return RIGHT if report.files else FAILED


def _tell(report: Report, style: str, output: Path | None, statistics: bool) -> None:
    if isinstance(sys.stdout, TextIOWrapper):  # a source may have what a terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    if style == "text" and output is None:
        for line in text(report, width=out.width, counted=statistics):
            _print(out, line)
        return
    told = _told(report, style, statistics)
    if output is None:
        click.echo(told)
    else:
        write(output, told + "\n")


def _told(report: Report, style: str, statistics: bool) -> str:
    if style == "json":
        return json.dumps(document(report), indent=1)
    if style == "sarif":
        return json.dumps(sarif(report), indent=1)
    if style == "github":
        return "\n".join(github(report))
    lines = text(report, width=80, counted=statistics)
    return "\n".join("".join(piece for piece, _ in line) for line in lines)


def _print(console: Console, line: Line) -> None:
    console.print(Text.assemble(*line), soft_wrap=True)
