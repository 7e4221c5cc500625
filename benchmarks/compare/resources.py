"""Connections and clients: made once, not carried over a fork, closed in order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import svcs

from benchmarks.compare.calls import Place
from benchmarks.compare.questions import together
from instep import Space

CALLERS = 100
NO_CALL = "no call for it"


class Client:
    """What stands for a connection: it knows which process made it."""

    made = 0

    def __init__(self) -> None:
        time.sleep(0.05)
        type(self).made += 1
        self.process = os.getpid()


class Pieces(NamedTuple):
    """What a library offers.

    Args:
        client: makes the process's one client at its first use, or gives it.
        closing: opens three things in turn, each of which is closed by a function, and ends the
            request that they belong to.
    """

    client: Callable[[], Client]
    closing: Callable[[list[Callable[[], object]]], object] | None


def plain() -> Pieces:
    """A global that is made when it is asked for."""
    found: list[Client] = []

    def client() -> Client:
        if not found:
            found.append(Client())
        return found[0]

    return Pieces(client, None)


def of_svcs() -> Pieces:
    """svcs: factories belong to a container, which is a request's."""
    registry = svcs.Registry()
    registry.register_factory(Client, Client)

    def closing(closers: list[Callable[[], object]]) -> None:
        kinds = [type(f"Kind{number}", (), {}) for number in range(len(closers))]
        with svcs.Registry() as own, svcs.Container(own) as container:
            for kind, closer in zip(kinds, closers, strict=True):
                own.register_factory(kind, _generator(kind, closer))
                container.get(kind)

    held: list[Any] = []

    def client() -> Client:
        held.append(svcs.Container(registry))
        found: Client = held[-1].get(Client)
        return found

    return Pieces(client, closing)


def svcs_value() -> Pieces:
    """svcs: a value that is registered when the program starts."""
    registry = svcs.Registry()
    registry.register_value(Client, Client())
    return Pieces(lambda: svcs.Container(registry).get(Client), of_svcs().closing)


def ours() -> Pieces:
    """instep's resources."""
    space = Space("memory:")
    client = space.resource(Client)

    def closing(closers: list[Callable[[], object]]) -> None:
        made = [
            space.resource(
                lambda: object(), scope="request", close=lambda _, closer=closer: closer()
            )
            for closer in closers
        ]
        with space.scope():
            for one in made:
                one()

    return Pieces(client, closing)


RESOURCES: dict[str, Callable[[], Pieces]] = {
    "instep": ours,
    "svcs, factory": of_svcs,
    "svcs, value": svcs_value,
    "a lazy global": plain,
}


def first_use(name: str, place: Place) -> str:
    """100 threads of a process use a client for the first time: how many are made?"""
    Client.made = 0
    pieces = RESOURCES[name]()
    found = together([pieces.client] * CALLERS)
    return "**1**" if len({id(one) for one in found}) == Client.made == 1 else str(Client.made)


def forked(name: str, place: Place) -> str:
    """It was used before a fork: what does the child get?"""
    pieces = RESOURCES[name]()
    pieces.client()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, b"its own" if pieces.client().process == os.getpid() else b"its parent's")
        os._exit(0)
    os.waitpid(child, 0)
    answer = os.read(reader, 100).decode()
    os.close(reader)
    os.close(writer)
    return f"**{answer}**" if answer == "its own" else answer


def order(name: str, place: Place) -> str:
    """Three are opened in turn: in which order are they closed when the request ends?"""
    pieces, closed = RESOURCES[name](), []
    if pieces.closing is None:
        return NO_CALL
    pieces.closing([lambda number=number: closed.append(number) for number in (1, 2, 3)])
    return f"**{closed}**" if closed == [3, 2, 1] else str(closed)


def failing(name: str, place: Place) -> str:
    """Closing the second one fails: which are closed?"""
    pieces, closed = RESOURCES[name](), []
    if pieces.closing is None:
        return NO_CALL

    def fail() -> None:
        raise OSError("the server has gone")

    first, _, third = [lambda number=number: closed.append(number) for number in (1, 2, 3)]
    try:
        pieces.closing([first, fail, third])
    except OSError:
        pass
    return f"**{closed}**" if closed == [3, 1] else str(closed)


QUESTIONS = [first_use, forked, order, failing]


def _generator(kind: type, closer: Callable[[], object]) -> Callable[[], Any]:
    def factory() -> Any:
        yield kind()
        closer()

    return factory
