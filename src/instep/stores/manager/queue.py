"""A manager's holds: who has a key, and who waits for it; no sockets and no records here.

How it stays right. One thread comes here, so each call is one step. A key that is let go of goes
straight to whoever has waited longest, so nobody overtakes and nobody is woken in vain. What a
client held or waited for ends with its connection.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from math import inf

from .wire import LATE, Held, holder_fields, pack


class Client:
    """One connection.

    Args:
        number: in this server's life.
        host: the machine that it comes from.
        pid: the process there.
        answer: sends a frame to it; does not raise.
        end: closes the connection; does not raise.
    """

    __slots__ = ("answer", "end", "held", "host", "last", "number", "pid", "waiting")

    def __init__(
        self,
        number: int,
        host: str,
        pid: int,
        answer: Callable[[bytes], None],
        end: Callable[[], None],
    ) -> None:
        self.number = number
        self.host = host
        self.pid = pid
        self.answer = answer
        self.end = end
        self.held: dict[bytes, tuple[int, float]] = {}  # by key: the thread, and since when
        self.waiting: Waiter | None = None
        self.last: tuple[int, bytes] | None = None  # its last write: the serial and the answer


class Waiter:
    """A request that is answered when some keys are its client's.

    Args:
        client: whose it is.
        keys: what it needs and the client has not, in the one global order.
        thread: of the client's.
        deadline: of `time.monotonic`.
        then: makes the answer when all of them are held.
        keep: whether they stay held.
    """

    __slots__ = ("at", "client", "deadline", "keep", "keys", "then", "thread")

    def __init__(
        self,
        client: Client,
        keys: Sequence[bytes],
        thread: int,
        deadline: float,
        then: Callable[[], bytes],
        keep: bool,
    ) -> None:
        self.client = client
        self.keys = keys
        self.thread = thread
        self.deadline = deadline
        self.then = then
        self.keep = keep
        self.at = 0  # how many of the keys it has

    @property
    def wanted(self) -> bytes:
        """The key that it waits for."""
        return self.keys[self.at]


class Queue:
    """Who holds which key, and who is next."""

    def __init__(self) -> None:
        self._holders: dict[bytes, Client] = {}
        self._lines: dict[bytes, deque[Waiter]] = {}
        self._waiting: set[Waiter] = set()
        self._next = inf  # no wait ends before this

    @property
    def held(self) -> Container[bytes]:
        """The keys that somebody holds."""
        return self._holders

    def enter(self, waiter: Waiter) -> None:
        """Answer a request now, or when its turn comes, or that it came too late."""
        ready = deque([waiter])
        waiter.client.waiting = waiter
        self._advance(ready)
        if waiter.client.waiting is not waiter:
            return
        if waiter.deadline <= time.monotonic():
            self._give_up(waiter)
        else:
            self._waiting.add(waiter)
            self._next = min(self._next, waiter.deadline)

    def free(self, client: Client, keys: Iterable[bytes]) -> None:
        """Let go of keys that a client holds; they are the next one's."""
        ready: deque[Waiter] = deque()
        for key in list(keys):
            self._pass_on(key, ready)
        self._advance(ready)

    def leave(self, client: Client) -> None:
        """A client's connection has ended."""
        waiter, client.waiting = client.waiting, None
        if waiter is not None:
            self._drop(waiter)
        self.free(client, client.held)

    def tick(self) -> float:
        """End the waits that are over; in how many seconds it is to be called again."""
        now = time.monotonic()
        if now >= self._next:
            for waiter in [waiter for waiter in self._waiting if waiter.deadline <= now]:
                if waiter.client.waiting is waiter:  # or its turn came when another gave up
                    self._give_up(waiter)
            self._next = min((waiter.deadline for waiter in self._waiting), default=inf)
        return self._next - now

    def _advance(self, ready: deque[Waiter]) -> None:
        """Take the keys that these requests need; a loop, because one that ends wakes another."""
        while ready:
            waiter = ready.popleft()
            while waiter.at < len(waiter.keys):
                if waiter.wanted in self._holders:
                    self._lines.setdefault(waiter.wanted, deque()).append(waiter)
                    break
                self._grant(waiter)
            else:
                self._waiting.discard(waiter)
                waiter.client.waiting = None
                waiter.client.answer(waiter.then())
                if not waiter.keep:
                    for key in waiter.keys:
                        self._pass_on(key, ready)

    def _grant(self, waiter: Waiter) -> None:
        key, client = waiter.wanted, waiter.client
        self._holders[key] = client
        client.held[key] = (waiter.thread, time.time())
        waiter.at += 1

    def _pass_on(self, key: bytes, ready: deque[Waiter]) -> None:
        """Free a key, and give it to whoever has waited longest."""
        del self._holders.pop(key).held[key]
        line = self._lines.get(key)
        if line is not None:
            waiter = line.popleft()
            if not line:
                del self._lines[key]
            self._grant(waiter)
            ready.append(waiter)

    def _give_up(self, waiter: Waiter) -> None:
        key, client = waiter.wanted, waiter.client
        holder = self._holders[key]
        thread, since = holder.held[key]
        wanted = holder.waiting.wanted if holder.waiting is not None else None
        if wanted not in client.held:
            wanted = None
        client.waiting = None
        self._drop(waiter)
        held = Held(holder.host, holder.pid, thread, since, wanted)
        client.answer(pack(LATE, key, *holder_fields(held)))

    def _drop(self, waiter: Waiter) -> None:
        """Let go of what a request has got so far, and of its place in the line."""
        self._waiting.discard(waiter)
        line = self._lines[waiter.wanted]
        line.remove(waiter)
        if not line:
            del self._lines[waiter.wanted]
        self.free(waiter.client, waiter.keys[: waiter.at])
