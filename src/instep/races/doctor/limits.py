"""Ends a step when its time is over, wherever it stands.

How it stays right. The end comes as Ctrl-C does: an exception out of whatever is under way, so that
servers, processes and copies are put away by the same code. It is no `Exception`, because code that
makes the best of a time-out of its own must not take this for one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TimeOver(BaseException):
    """The time of a step is over."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """At most so long; without a bound outside of the main thread, where no signal arrives.

    Args:
        seconds: that the block may take.

    Raises:
        TimeOver: it took longer.

    Example:
        >>> import time
        >>> try:
        ...     with within(0.01):
        ...         time.sleep(60)
        ... except TimeOver:
        ...     print("over")
        over
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _over)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _over(number: int, frame: FrameType | None) -> None:
    raise TimeOver
