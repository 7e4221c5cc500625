"""Runs the commands that the pages show and rewrites what they printed: nothing of it is typed.

    .venv/bin/python docs/record.py [PAGE …]

A page marks the place with `<!-- output: COMMAND -->` and `<!-- end -->`; `COMMAND, in FOLDER`
runs there and not in the root of the checkout; `COMMAND, until WORDS` ends before the first line
that begins so. A command that several pages show runs once. `<!-- rules -->` is where the table of
the finder's rules goes.
"""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RULED = re.compile(r"(<!-- rules -->\n).*?(<!-- end -->)", re.DOTALL)
PAGES = "../src/instep/races/rules/pages"
MARKED = re.compile(
    r"(<!-- output: (.+?)(?:, in (\S+?))?(?:, until (.+?))? -->\n).*?(<!-- end -->)", re.DOTALL
)
ANOMALY = 1  # the exit code of a proof that found one, which is what some pages want to show


@cache
def output(command: str, folder: str = ".") -> list[str]:
    """The lines that a command prints on standard output, run in a folder of the checkout."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}
    print("running", command, file=sys.stderr)
    done = subprocess.run(
        shlex.split(command), cwd=ROOT / folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    if done.returncode not in (0, ANOMALY):
        sys.exit(f"{command} ended with {done.returncode}; nothing was changed on this page")
    return [line.rstrip() for line in done.stdout.strip().splitlines()]


def rules() -> str:
    """The rules as a table, each with a link to its page."""
    from instep.races.rules import RULES

    rows = [
        f"| [{rule.id}]({PAGES}/{rule.id}.md) | {rule.name} | {rule.severity} | {rule.summary} |"
        for rule in RULES.values()
    ]
    return "\n".join(["| id | name | severity | flags |", "|---|---|---|---|", *rows])


def record(page: Path) -> None:
    """Run the commands of one page and put what they printed in its place."""

    def block(match: re.Match[str]) -> str:
        begin, command, folder, until, end = match.groups()
        printed = output(command, folder or ".")
        lines = takewhile(lambda line: not (until and line.startswith(until)), printed)
        shown = "\n".join(lines).rstrip()
        return f"{begin}```text\n{shown}\n```\n{end}"

    old = page.read_text()
    new = MARKED.sub(block, old)
    if RULED.search(new):
        table = rules()
        new = RULED.sub(lambda match: f"{match[1]}{table}\n{match[2]}", new)
    if new != old:
        page.write_text(new)


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]]
    for page in given or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        record(page)
