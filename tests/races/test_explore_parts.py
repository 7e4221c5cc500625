"""The parts of the explorer by themselves: the notation, the oracle, the search, the names."""

import io
import signal
import time
from dataclasses import replace
from typing import Any

import pytest

from instep.errors import Misuse
from instep.races.exploring import naming
from instep.races.exploring.asking import ask, environ, parse
from instep.races.exploring.forking import Failed, forked, reap
from instep.races.exploring.oracle import Oracle
from instep.races.exploring.plan import Answer, Move, Outcome, Run
from instep.races.exploring.search import Search, latent


def test_the_notation(tmp_path: Any) -> None:
    """Method, path, body and headers; a body's type is guessed, unless it is given."""
    assert parse("/count").method == "GET"
    order = parse('post /order {"item": 3}')
    assert (order.method, order.body) == ("POST", b'{"item": 3}')
    assert ("Content-Type", "application/json") in order.headers
    form = parse("POST /order item=3&n=2 -H \"X-User: ann\" -H 'Accept: text/html'")
    assert form.body == b"item=3&n=2"
    assert ("X-User", "ann") in form.headers
    assert ("Accept", "text/html") in form.headers
    assert ("Content-Type", "application/x-www-form-urlencoded") in form.headers
    assert parse("POST /x a,b -H Content-Type:text/csv").headers == (("Content-Type", "text/csv"),)
    assert parse("GET http://localhost:8000/x?y=1").path == "/x?y=1"
    body = tmp_path / "body.json"
    body.write_text('{"n": 1}')
    assert parse(f"POST /x @{body}").body == b'{"n": 1}'
    whole = tmp_path / "order.http"
    whole.write_text("POST /x HTTP/1.1\r\nX-User: ann\r\n\r\nn=1\n")
    assert parse(f"@{whole}").body == b"n=1"


@pytest.mark.parametrize("text", ["", "order", "POST order", 'POST /x {"n": ', "GET / -H x"])
def test_what_is_no_request(text: str) -> None:
    """Is refused in words."""
    with pytest.raises(Misuse):
        parse(text)


def test_the_environ() -> None:
    """It has what PEP 3333 asks for, and an umlaut arrives."""
    found = environ(parse("POST /caf%C3%A9?a=1 n=1"), io.StringIO(), "a=1")
    assert found["PATH_INFO"].encode("latin-1").decode() == "/café"
    assert found["QUERY_STRING"] == "a=1"
    assert found["HTTP_COOKIE"] == "a=1"
    assert found["CONTENT_LENGTH"] == "3"
    assert found["CONTENT_TYPE"] == "application/x-www-form-urlencoded"


def test_an_application_that_raises() -> None:
    """What it raises is its answer, and its iterable is closed."""

    def application(environ: Any, start_response: Any) -> Any:
        raise KeyError("x")

    assert ask(application, parse("/"), {})["body"] == "KeyError: 'x'"


def test_a_very_long_answer_is_kept_short() -> None:
    """Its beginning, its length and a digest are compared."""

    def long(last: bytes) -> str:
        body = b"x" * 3_000_000 + last
        return str(ask(lambda environ, start: [body], parse("/"), {})["body"])

    assert len(long(b"1")) < 200_000
    assert long(b"1") != long(b"2")
    assert long(b"1") == long(b"1")


def outcome(*bodies: str, state: dict[str, str] | None = None) -> Outcome:
    """What a run could lead to."""
    answers: list[Answer] = [
        {"what": "200 OK", "body": body, "headers": [], "told": ""} for body in bodies
    ]
    return {
        "answers": answers, "then": [], "state": state or {}, "words": {}, "invariant": None
    }  # fmt: skip


def test_the_oracle_knows_orders_and_nothing_else() -> None:
    """Answers must be those of one order together, not each of some order."""
    oracle = Oracle()
    oracle.learn((0, 1), Run(outcome("1", "2")))
    oracle.learn((1, 0), Run(outcome("2", "1")))
    assert oracle.explains(outcome("1", "2"))
    assert oracle.explains(outcome("2", "1"))
    assert not oracle.explains(outcome("1", "1"))
    assert not oracle.explains(outcome("2", "2"))


def test_the_oracle_masks_noise() -> None:
    """What differs between two equal runs does not count, and the rest of the text does."""
    oracle = Oracle()
    oracle.learn((0, 1), Run(outcome("at 11 number 1", "at 12 number 2")))
    oracle.learn((0, 1), Run(outcome("at 21 number 1", "at 22 number 2")))
    assert oracle.explains(outcome("at 99 number 1", "at 98 number 2"))
    assert not oracle.explains(outcome("at 99 number 1", "at 98 number 1"))


def test_signed_cookies_count_by_their_payload() -> None:
    """The time and the signature in a session cookie are not the program's."""

    def cookies(*values: str) -> Outcome:
        made = outcome(*["ok"] * len(values))
        for answer, value in zip(made["answers"], values, strict=True):
            answer["headers"] = [["Set-Cookie", f"session={value}; HttpOnly; Path=/"]]
        return made

    oracle = Oracle()
    oracle.learn((0, 1), Run(cookies("eyJuIjoxfQ.aSCkXg.AAAA", "eyJuIjoyfQ.aSCkXg.BBBB")))
    assert oracle.explains(cookies("eyJuIjoxfQ.aSCkXh.CCCC", "eyJuIjoyfQ.aSCkXh.DDDD"))
    assert not oracle.explains(cookies("eyJuIjoxfQ.aSCkXh.CCCC", "eyJuIjoxfQ.aSCkXh.DDDD"))


def move(actor: int, number: int, what: str, *, key: tuple[int, int], **rest: Any) -> Move:
    """A step on the one location that there is."""
    plain = Move(actor, number, what, "1/", what == "write", (0, 1), key, False, True, False)
    return replace(plain, **rest)


SEQUENTIAL = (
    move(0, 0, "start", key=(-1, 0), token=""),
    move(0, 1, "read", key=(0, 1)),
    move(0, 2, "write", key=(0, 2)),
    move(1, 0, "start", key=(0, 3), token="", enabled=(1,)),
    move(1, 1, "read", key=(1, 1), enabled=(1,)),
    move(1, 2, "write", key=(1, 2), enabled=(1,)),
)


def test_the_search_turns_conflicts_around() -> None:
    """One after the other leads to: the second before the write, before the read, first of all."""
    search = Search(2)
    search.add({(-1, 0): 0})
    decisions, _ = search.next()
    search.learn(Run(outcome(), moves=SEQUENTIAL), decisions)
    found = [search.next()[0] for _ in range(len(search))]
    assert {(-1, 0): 0, (0, 2): 1} in found
    assert all(len(one) <= 2 for one in found)
    search.learn(Run(outcome(), moves=SEQUENTIAL), decisions)
    assert not len(search), "what was seen has no children"


def test_the_search_keeps_its_bound() -> None:
    """Without preemptions only who begins is open."""
    search = Search(0)
    search.learn(Run(outcome(), moves=SEQUENTIAL), {(-1, 0): 0})
    assert [search.next()[0] for _ in range(len(search))] == [{(-1, 0): 1}]
    assert search.dropped


def test_a_closed_switch_is_latent() -> None:
    """A preemption where the interrupted one stood inside of a step."""
    inside = (
        SEQUENTIAL[0],
        SEQUENTIAL[1],
        move(1, 0, "start", key=(0, 2), token="", preempts=True),
        move(0, 2, "write", key=(1, 3), open=False),
    )
    assert latent(inside)
    assert not latent((*inside[:3], replace(inside[3], open=True)))


class Thing:
    """Has a slot and a dictionary, and would not like to be asked."""

    __slots__ = ("__dict__", "slot")

    def __init__(self) -> None:
        self.slot, self.other = 1, {"a": 2}

    def __repr__(self) -> str:
        raise AssertionError("asked")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    __hash__ = None  # type: ignore[assignment]


def test_names_and_digests_ask_nothing_of_the_program() -> None:
    """Locations are named from the roots; no `__repr__`, `__eq__` or property runs."""
    thing = Thing()
    names = naming.Names([("shop:", {"thing": thing, "orders": {"n": [1]}})])
    assert names.name(thing, "slot", False, False) == "shop:thing.slot"
    assert names.name(thing.other, "a", True, False) == "shop:thing.other['a']"
    assert naming.peek(thing, "slot", False) == 1
    assert "1" in naming.digest(thing)
    assert naming.text(thing) == "<Thing>"
    assert naming.digest([1, 2]) == naming.digest([2, 1])
    assert naming.digest({"a": 1, "b": 2}) == naming.digest({"b": 2, "a": 1})
    assert naming.digest((1, 2)) != naming.digest((2, 1))
    assert naming.digest([*range(9_000), 1]) != naming.digest([*range(9_000), 2])
    assert naming.digest(dict.fromkeys(range(9_000))) == naming.digest(dict.fromkeys(range(9_000)))
    assert naming.digest(set(range(9_000))) == naming.digest(set(range(9_000)))
    assert naming.text(naming.ABSENT) == "nothing"


def test_a_child_that_dies_or_hangs() -> None:
    """Both are told apart from an answer, and nothing is left running."""
    import os
    import time

    assert forked(lambda: {"n": 1}, 5) == {"n": 1}
    with pytest.raises(Failed, match="died"):
        forked(lambda: os.kill(os.getpid(), 9), 5)
    with pytest.raises(Failed, match="ZeroDivisionError"):
        forked(lambda: 1 / 0, 5)
    with pytest.raises(Failed, match="too long"):
        forked(lambda: time.sleep(60), -1.8)
    reap()


def test_an_interrupt_ends_the_child() -> None:
    """Ctrl-C does not leave a view that never returns behind."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            forked(lambda: time.sleep(100), 120)
        begin = time.monotonic()
        reap()
        assert time.monotonic() - begin < 50
    finally:
        signal.signal(signal.SIGALRM, before)
