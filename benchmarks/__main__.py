"""`python -m benchmarks [PART ...] [--quick] [--out FOLDER]`."""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks import caches, calls, growth, hot, page, report, stores
from benchmarks.board import manager
from benchmarks.finder import check
from benchmarks.machine import machine
from benchmarks.pace import FULL, QUICK, Pace
from benchmarks.servers import Redis, started

PARTS = ("calls", "hot", "growth", "page", "stores", "caches", "finder")
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure, write, print."""
    asked = _arguments()
    parts = tuple(part for part in PARTS if part in asked.parts) or PARTS
    found = _run(parts, QUICK if asked.quick else FULL)
    whole = parts == PARTS and not asked.quick
    folder = asked.out or (RESULTS if whole else None)
    print(report.markdown(found))
    if folder is not None:
        report.write(found, folder)
        print(f"written to {folder}", file=sys.stderr)
    else:
        print("a part of a run: printed only; --out FOLDER writes it", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all")
    parser.add_argument("--quick", action="store_true", help="a look, in two minutes")
    parser.add_argument("--out", type=Path, help=f"a folder; a whole run writes {RESULTS.name}/")
    asked = parser.parse_args()
    for part in asked.parts:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}; there are {', '.join(PARTS)}")
    return asked


def _run(parts: tuple[str, ...], pace: Pace) -> report.Found:
    start = time.monotonic()
    with ExitStack() as up:
        folder = Path(up.enter_context(tempfile.TemporaryDirectory(prefix="instep-bench-")))
        redis = started(up, Redis)
        port = None if isinstance(redis, str) else redis.port
        board = up.enter_context(manager(folder))
        found = report.Found(machine(), pace, port is not None)
        for part in parts:
            print(f"{part} …", file=sys.stderr, flush=True)
            if part == "calls":
                found.calls = calls.run(pace, folder, port, board)
            elif part == "hot":
                found.hot = hot.run(pace, folder)
            elif part == "growth":
                found.growth = growth.run(pace, folder)
            elif part == "page":
                found.page = page.run(pace, folder, port, board)
            elif part == "stores":
                found.stores = stores.run(pace.stores, folder, board)
            elif part == "caches":
                found.caches = caches.run(pace.caches, folder, port)
            else:
                found.finder = check.run(pace.finder, folder)
    found.took = time.monotonic() - start
    return found


if __name__ == "__main__":
    main()
