"""Finds processes by a word in their environment, which all their children inherit."""

import os
import time
from pathlib import Path


def marked(word: str) -> list[int]:
    """The processes, other than this one, that were started with a word in their environment."""
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if pid != os.getpid() and _has(pid, word)]


def left_behind(word: str, patience: float = 5.0) -> list[int]:
    """Those that are still there after a while: on a busy machine a killed process takes its time.

    Args:
        word: in their environment.
        patience: seconds.
    """
    deadline = time.monotonic() + patience
    while (found := marked(word)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def _has(pid: int, word: str) -> bool:
    try:
        return word.encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it has ended meanwhile
        return False
