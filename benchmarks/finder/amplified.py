"""How sure is `instep prove --amplify`? A racy counter and its fixed twin, many times each.

    .venv/bin/python -m benchmarks.finder.amplified [ROUNDS]

Both are served by one gunicorn worker with four threads, a new server and a new seed every time.
Without amplification the racy one comes out right on CPython 3.10 to 3.13, every time.
"""

import sys
import tempfile
from pathlib import Path

from instep.races.prove import Plan, prove
from instep.races.verdict import Word

ROUNDS = 30

PROGRAM = """
import threading

from flask import Flask

racy = Flask("racy")
fixed = Flask("fixed")
lock = threading.Lock()
count = 0
guarded = 0


@racy.get("/")
def step():
    global count
    count += 1
    return str(count)


@fixed.get("/")
def guarded_step():
    global guarded
    with lock:
        guarded += 1
        return str(guarded)
"""


def caught(folder: Path, program: str, rounds: int, *, amplified: bool) -> int:
    """In how many rounds the program was found wrong.

    Args:
        folder: where it is.
        program: which of the two.
        rounds: how many.
        amplified: or left alone.
    """
    wrong = 0
    for seed in range(rounds):
        plan = Plan(
            f"twins:{program}",
            workers=1,
            threads=4,
            matrix=False,
            chdir=folder,
            seed=seed if amplified else None,
        )
        (run,) = prove(plan)
        wrong += run.verdict.word is Word.WRONG
        print(f"  {program} {seed}: {run.verdict.distinct} different", file=sys.stderr)
    return wrong


def main(rounds: int) -> None:
    """Measure, and print a line for each program and way."""
    with tempfile.TemporaryDirectory() as name:
        Path(name, "twins.py").write_text(PROGRAM)
        for amplified in (True, False):
            for program in ("racy", "fixed"):
                found = caught(Path(name), program, rounds, amplified=amplified)
                way = "amplified" if amplified else "left alone"
                print(f"{program}, {way}: found wrong in {found} of {rounds} rounds")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
