"""Runs the commands that the pages show and rewrites what they printed: nothing of it is typed.

    .venv/bin/python docs/record.py [PAGE …]

A page marks the place with `<!-- output: COMMAND -->` and `<!-- end -->`; `COMMAND, until WORDS`
ends before the first line that begins so. A command that several pages show runs once.
"""

import os
import re
import subprocess
import sys
from functools import cache
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(r"(<!-- output: (.+?)(?:, until (.+?))? -->\n).*?(<!-- end -->)", re.DOTALL)
ANOMALY = 1  # the exit code of a proof that found one, which is what some pages want to show


@cache
def output(command: str) -> list[str]:
    """The lines that a command prints on standard output, run in the root of the checkout."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}
    print("running", command, file=sys.stderr)
    done = subprocess.run(
        command.split(), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    if done.returncode not in (0, ANOMALY):
        sys.exit(f"{command} ended with {done.returncode}; nothing was changed on this page")
    return [line.rstrip() for line in done.stdout.strip().splitlines()]


def record(page: Path) -> None:
    """Run the commands of one page and put what they printed in its place."""

    def block(match: re.Match[str]) -> str:
        begin, command, until, end = match.groups()
        lines = takewhile(lambda line: not (until and line.startswith(until)), output(command))
        shown = "\n".join(lines).rstrip()
        return f"{begin}```text\n{shown}\n```\n{end}"

    old = page.read_text()
    new = MARKED.sub(block, old)
    if new != old:
        page.write_text(new)


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]]
    for page in given or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        record(page)
