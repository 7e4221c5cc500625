"""requests and httpx: no cookies of one user for the next, and no socket in two processes."""

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import requests
from asking import echo_server

from actors import Child, Gate
from instep import Misuse, Space
from instep.integrations import httpx as for_httpx
from instep.integrations import requests as for_requests

GET: dict[str, Callable[[Any, str], str]] = {
    "requests": lambda session, url: str(session.get(url, timeout=5).text),
    "httpx": lambda client, url: str(client.get(url, timeout=5).text),
}
NAIVE: dict[str, Callable[[], Any]] = {"requests": requests.Session, "httpx": httpx.Client}
OURS: dict[str, Callable[..., Any]] = {
    "requests": for_requests.session,
    "httpx": for_httpx.client,
}
LIBRARIES = pytest.mark.parametrize("library", sorted(GET))


def cookies_of_the_second_call(get: Callable[[], Any], ask: Any) -> str | None:
    """What the server sees of the first caller's cookie when it is called for another one."""
    with echo_server(**{"Set-Cookie": "user=anna"}) as (url, seen):
        for n in range(2):
            ask(get(), f"{url}/{n}")
        return seen[1]


@LIBRARIES
def test_cookies(space: Space, library: str) -> None:
    """A session that outlives a request keeps no cookies, unless they are wanted."""
    ours = OURS[library]
    assert cookies_of_the_second_call(ours(space), GET[library]) is None
    kept = cookies_of_the_second_call(ours(space, cookies=True), GET[library])
    assert kept == "user=anna"


@LIBRARIES
def test_cookies_of_the_naive_global(library: str) -> None:
    """It sends the cookie of one user with the call for the next."""
    with NAIVE[library]() as session:
        assert cookies_of_the_second_call(lambda: session, GET[library]) == "user=anna"


def ask_in_two_processes(
    get: Callable[[], Any], ask: Any, fork: Callable[..., Child]
) -> list[list[str]]:
    """A session that was used before two forks asks in both: what was wrong in each."""
    with echo_server() as (url, _):
        ask(get(), f"{url}/0")
        gates = [Gate(), Gate()]

        def work(me: int) -> list[str]:
            gates[me].pass_through()
            wrong = []
            for n in range(me * 1000 + 1, me * 1000 + 100):
                try:
                    said = ask(get(), f"{url}/{n}")
                except (requests.RequestException, httpx.HTTPError) as error:
                    said = type(error).__name__
                if said != str(n):
                    wrong.append(f"{said} for {n}")
            return wrong

        children = [fork(work, me) for me in range(2)]
        for gate in gates:
            gate.open()
        return [child.result(120) for child in children]


@LIBRARIES
def test_two_processes(space: Space, library: str, fork: Callable[..., Child]) -> None:
    """Each has sockets of its own, so each gets its own answers."""
    assert ask_in_two_processes(OURS[library](space), GET[library], fork) == [[], []]


@LIBRARIES
def test_threads(space: Space, library: str) -> None:
    """Threads get their own answers, from a session each or from the client that they may share."""
    session = OURS[library](space)
    wrong: list[str] = []
    with echo_server() as (url, _):

        def work(me: int) -> None:
            for n in range(me * 1000, me * 1000 + 20):
                said = GET[library](session(), f"{url}/{n}")
                if said != str(n):
                    wrong.append(said)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_prepared(space: Space) -> None:
    """Headers and the like are set once for each session."""
    web = for_requests.session(space, prepare=lambda s: s.headers.update({"X-From": "shop"}))
    assert web().headers["X-From"] == "shop"
    client = for_httpx.client(space, base_url="http://shop.example", headers={"X-From": "shop"})
    assert client().base_url == "http://shop.example"


def test_a_transport_of_ones_own(space: Space) -> None:
    """It is refused where it is declared, and options of the transport reach it."""
    with pytest.raises(Misuse, match=r"httpx\.Client"):
        for_httpx.client(space, transport=httpx.HTTPTransport())
    with echo_server() as (url, _):
        client = for_httpx.client(space, proxy=url)
        assert client().get("http://elsewhere.example/7").text == "7"
