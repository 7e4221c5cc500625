"""Calls that survive lost connections, or end in one clear error.

A request is sent again when its answer was lost, until the call's time is up. That is safe because
the scripts find out whether it was done: a hold is given again to the token that has it, and every
request that writes has its caller's number, whose last one is on the server with what came of it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

from ...errors import StoreError
from .address import Settings
from .connections import Node
from .errors import TROUBLE, given_up, passes
from .layout import Layout
from .route import Route
from .scripts import Request, packed
from .wire import Refused

R = TypeVar("R")

_FIRST_PAUSE, _LAST_PAUSE = 0.01, 0.25  # seconds between two tries

_monotonic = time.monotonic


class Session:
    """Numbers the requests of one caller at a time.

    Args:
        layout: where its receipts are.
    """

    __slots__ = ("_layout", "_name", "_places", "numbers")

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._name = os.urandom(8).hex().encode()  # like no other session's
        self._places: dict[int, bytes] = {}
        self.numbers = count(1)

    def places(self, shard: int) -> bytes:
        """A shard's indexes, and this session's receipt there; packed."""
        found = self._places.get(shard)
        if found is None:
            prefix = self._layout.prefixes[shard]
            words = (prefix + b"index", prefix + b"expiry", prefix + b"r:" + self._name)
            found = self._places[shard] = packed(*words)
        return found


class Calls:
    """Calls of scripts and commands.

    Args:
        settings: what the URL says.
        layout: where what is.
        route: finds the servers.
    """

    def __init__(self, settings: Settings, layout: Layout, route: Route) -> None:
        self._settings = settings
        self._layout = layout
        self._sessions: list[Session] = []
        self._unmet = settings.kind == "server"  # this process has never reached it
        self.route = route

    def session(self) -> Session:
        """A session for the length of a call, to be given back: there are as many as callers."""
        try:
            return self._sessions.pop()
        except IndexError:
            return Session(self._layout)

    def give_back(self, session: Session) -> None:
        """Let the next caller have a session."""
        self._sessions.append(session)

    def run(self, request: Request, until: float) -> Any:
        """What a script answers.

        Args:
            request: the call.
            until: when to give up, by `time.monotonic`; one try is always made.

        Raises:
            StoreError: it could not be called.
        """
        try:
            node = self.route.node(request.shard, until)
            answer, replicas = node.run(request, until, False, False)
        except TROUBLE:
            answer, replicas = self._tried(
                lambda node, asking: node.run(request, until, True, asking),
                request.shard,
                until,
                request.writes,
            )
        if request.writes and self._settings.replicas > replicas and _written(answer):
            raise StoreError(
                f"{self._settings.shown}: it is written on the primary and stays so, but only "
                f"{replicas} of {self._settings.replicas} replicas have it (?wait=), and it can "
                "be lost if the primary is: look after the replicas"
            )
        return answer

    def ask(self, shard: int, data: bytes, until: float, count: int = 1) -> list[Any]:
        """What commands answer that may be sent twice."""
        return self._tried(lambda node, asking: node.ask(data, until, count, asking), shard, until)

    def each(self, questions: list[tuple[int, bytes]], until: float) -> list[Any]:
        """What commands for shards answer, in their order; a round trip for each server."""
        if not questions:
            return []
        return self._tried(
            lambda node, asking: self._spread(questions, until), questions[0][0], until
        )

    def once(self, request: Request, until: float) -> None:
        """Call a script, twice at most; raises whatever goes wrong."""
        for again in (False, True):
            node = None
            try:
                node = self.route.node(request.shard, until)
                node.run(request, until, again, False)
            except TROUBLE as error:
                self.route.failed(node, error)
                if again or _monotonic() >= until:
                    raise
            else:
                return

    def _tried(
        self, send: Callable[[Node, bool], R], shard: int, until: float, writing: bool = False
    ) -> R:
        """Send until it is answered or the time is up."""
        asked: Node | None = None
        pause = 0.0
        while True:
            node = None
            try:
                node = asked or self.route.node(shard, until)
                answer = send(node, asked is not None)
            except TROUBLE as error:
                asked = self._pointed(error)
                if asked is None:
                    self.route.failed(node, error)
                # More likely wrong than away, after a few tries.
                wrong = self._unmet and pause > 0.1 and not isinstance(error, Refused)
                late = _monotonic() + pause >= until
                if wrong or late or not passes(error, self._settings):
                    raise given_up(error, self._settings, writing and not self._unmet) from None
            else:
                self._unmet = False
                return answer
            time.sleep(pause * (0.5 + random.random()))
            pause = min(pause * 2 or _FIRST_PAUSE, _LAST_PAUSE)

    def _spread(self, questions: list[tuple[int, bytes]], until: float) -> list[Any]:
        by_node: dict[Node, list[int]] = {}
        for place, (shard, _) in enumerate(questions):
            by_node.setdefault(self.route.node(shard, until), []).append(place)
        answers: list[Any] = [None] * len(questions)
        for node, places in by_node.items():
            data = b"".join([questions[place][1] for place in places])
            try:
                found = node.answers(data, until, len(places))
            except TROUBLE:
                node.close(for_good=False)
                raise
            for place, answer in zip(places, found, strict=True):
                if self._pointed(answer):  # this one's slot is under way to another server
                    [answer] = self.ask(*questions[place], until)
                elif type(answer) is Refused:
                    raise answer
                answers[place] = answer
        return answers

    def _pointed(self, error: object) -> Node | None:
        """The node that is about to get the slot: to be asked once."""
        if isinstance(error, Refused) and error.code == "ASK":
            host, _, port = str(error).rpartition(" ")[2].rpartition(":")
            return self.route.at(host, int(port))
        return None


def _written(answer: Any) -> bool:
    """Whether an answer of commit.lua or of an update says that it was written."""
    return answer == 0 if isinstance(answer, int) else answer[0] in (1, 3)
