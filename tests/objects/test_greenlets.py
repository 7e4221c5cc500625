"""Greenlets share objects as threads do; what waits in a call lets the others run."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from gevent import monkey
monkey.patch_all()
import gevent, sys, time
from instep import Space

class Slow:
    def __init__(self):
        self.n = 0
    def step(self):
        seen = self.n
        time.sleep(0.0005)
        self.n = seen + 1
        return self.n

space = Space(sys.argv[1])
slow, other, lock = space.share("slow", Slow), space.counter("other"), space.lock("lock")
ticks, fences = [], []

def tick():
    while len(ticks) < 10:
        ticks.append(other.increment())
        gevent.sleep(0)

def locked():
    with lock as held:
        fences.append(held.fence)
        gevent.sleep(0.0005)

workers = [gevent.spawn(slow.step) for _ in range(50)]
ticker = gevent.spawn(tick)
gevent.joinall([ticker], timeout=20)
running = sum(not worker.ready() for worker in workers)
lockers = [gevent.spawn(locked) for _ in range(10)]
gevent.joinall(workers + lockers, timeout=20)
assert sorted(worker.value for worker in workers) == list(range(1, 51))
assert ticks == list(range(1, 11)) and running > 0, (ticks, running)
assert fences == sorted(fences) and len(fences) == 10, fences

try:
    with space.transaction(slow):
        outside = gevent.spawn(other.increment)
        outside.join(5)
        raise RuntimeError
except RuntimeError:
    pass
assert other.value == 11, "a greenlet that is started inside does not join"
space.close()
print("right")
"""


@pytest.mark.parametrize("kind", ["memory", "lmdb"])
def test_greenlets_take_turns(kind: str, tmp_path: Path) -> None:
    """50 greenlets that sleep inside the call: each gets its own number, and others go on."""
    url = "memory:" if kind == "memory" else f"lmdb:{tmp_path / 'state'}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url], capture_output=True, text=True, check=False
    )
    assert done.stdout == "right\n", done.stderr
