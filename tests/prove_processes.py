"""Finds processes by a word in their environment, which all their children inherit."""

import os
from pathlib import Path


def marked(word: str) -> list[int]:
    """The processes, other than this one, that were started with a word in their environment."""
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if pid != os.getpid() and _has(pid, word)]


def _has(pid: int, word: str) -> bool:
    try:
        return word.encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it has ended meanwhile
        return False
