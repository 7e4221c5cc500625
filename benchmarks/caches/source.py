"""What a cache is asked for, and what makes it when it is not there."""

import asyncio
import os
import time

Value = dict[str, object]

VALUE: Value = {"id": 42, "name": "Ada Lovelace", "email": "ada@example.org", "admin": False}
"""A small dictionary, as a query for one user would give it."""


class Source:
    """A slow query: waits, and counts how often it was asked.

    Args:
        seconds: how long one takes.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.asked: list[str] = []

    def make(self, key: str) -> Value:
        """The value of a key, marked with who made it."""
        value = self._value(key)
        time.sleep(self.seconds)
        return value

    async def make_later(self, key: str) -> Value:
        """The same for an event loop."""
        value = self._value(key)
        await asyncio.sleep(self.seconds)
        return value

    def _value(self, key: str) -> Value:
        self.asked.append(key)  # one step, also for threads
        return VALUE | {"made by": f"{os.getpid()}-{len(self.asked)}"}
