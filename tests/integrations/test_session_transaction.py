"""`session.transaction()`: what it holds, what it commits, and what it takes back."""

import threading
import time
from typing import Any

import pytest

from flask import Flask
from instep import Conflict, LockTimeout, Misuse
from instep.flask import Instep
from instep.integrations.session import Session, Sessions, session
from session_apps import Paused, Shop, cookie, sets


def count(session: Session) -> int:
    """One step of a counter in a session."""
    with session.transaction():
        seen: int = session.get("n", 0)
        time.sleep(0.001)
        session["n"] = seen + 1
        return seen + 1


def test_counting_at_once_loses_nothing() -> None:
    """Forty steps of eight threads of one user give forty numbers."""
    shop = Shop()
    client = shop.client(user="anna")
    numbers: list[str] = []

    def work() -> None:
        window = shop.same(client)
        numbers.extend(shop.visit(window, count).text for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, numbers)) == list(range(1, 41))
    assert shop.seen(client) == "{'n': 40, 'user': 'anna'}"


def test_the_same_without_a_transaction_does() -> None:
    """The control: a value that is read and written by two requests is that of the last one."""
    shop = Shop()
    client = shop.client(n=0)

    def step(session: Session) -> None:
        session["n"] += 1

    slow = Paused(shop, shop.same(client), step)
    shop.visit(client, step)
    slow.finish()
    assert shop.seen(client) == "{'n': 1}"


def test_the_block_sees_what_others_have_committed_meanwhile() -> None:
    """The session is loaded anew, with what this request has changed before on top of it."""
    shop = Shop()
    client = shop.client(n=0, mine=0, gone=1)

    def before(session: Session) -> None:
        session["mine"] = 7
        del session["gone"]

    def after(session: Session) -> object:
        with session.transaction():
            return sorted(session.items())

    slow = Paused(shop, shop.same(client), after, before)
    shop.visit(client, lambda session: session.update(n=5, mine=1, other=2))
    assert slow.finish().text == "[('mine', 7), ('n', 5), ('other', 2)]"
    assert shop.seen(client) == "{'mine': 7, 'n': 5, 'other': 2}"


def test_it_is_committed_when_the_block_ends() -> None:
    """Others see it while the request goes on; what comes after the block comes with its end."""
    shop = Shop()
    client = shop.client(n=0)

    def before(session: Session) -> None:
        with session.transaction():
            session["n"] = 1
        session["late"] = True

    slow = Paused(shop, shop.same(client), lambda session: None, before)
    assert shop.seen(client) == "{'n': 1}"
    slow.finish()
    assert shop.seen(client) == "{'late': True, 'n': 1}"


def test_other_requests_wait_for_the_block() -> None:
    """A request that only saves waits as well, and nothing of either is lost."""
    shop = Shop()
    client = shop.client(n=0)

    def hold(session: Session) -> None:
        with session.transaction():
            inside.set()
            assert go.wait(60)
            session["n"] += 1

    inside, go = threading.Event(), threading.Event()
    holder = threading.Thread(target=lambda: shop.visit(shop.same(client), hold))
    holder.start()
    assert inside.wait(60)
    slow = Paused(shop, shop.same(client), lambda session: session.update(other=1))
    slow._go.set()
    slow._thread.join(0.1)
    assert slow._thread.is_alive()
    go.set()
    holder.join()
    slow.finish()
    assert shop.seen(client) == "{'n': 1, 'other': 1}"


def test_an_exception_takes_everything_back() -> None:
    """In the store and in the dictionary, inside of values too; what was before the block stays."""
    shop = Shop()
    client = shop.client(cart=[1], n=0)

    def view(session: Session) -> object:
        session["before"] = 1
        with pytest.raises(ZeroDivisionError), session.transaction():
            session["cart"].append(2)
            session["n"] = 5
            session["lock"] = threading.Lock()
            session.rotate()
            session.clear()
            session["x"] = 1 / 0
        return sorted(session.items())

    identity = cookie(client)
    assert shop.visit(client, view).text == "[('before', 1), ('cart', [1]), ('n', 0)]"
    assert shop.seen(client) == "{'before': 1, 'cart': [1], 'n': 0}"
    assert cookie(client) == identity


def test_a_block_in_a_block_is_taken_back_alone() -> None:
    """The outer one goes on with what it had."""
    shop = Shop()
    client = shop.client(cart=[1])

    def view(session: Session) -> None:
        with session.transaction():
            session["cart"].append(2)
            with pytest.raises(KeyError), session.transaction():
                session["cart"].append(3)
                raise KeyError
            with session.transaction():
                session["cart"].append(4)
            session["done"] = True

    shop.visit(client, view)
    assert shop.seen(client) == "{'cart': [1, 2, 4], 'done': True}"


def test_an_unstorable_value_is_refused_at_the_end_of_the_block() -> None:
    """With its path, where the program can still do something about it; nothing was written."""
    shop = Shop()
    client = shop.client(n=0)

    def view(session: Session) -> object:
        with pytest.raises(Misuse, match=r"session\['lock'\]"), session.transaction():
            session["n"] = 1
            session["lock"] = threading.Lock()
        return dict(session)

    assert shop.visit(client, view).text == "{'n': 0}"
    assert shop.seen(client) == "{'n': 0}"


def test_a_new_session_has_transactions_too() -> None:
    """It is kept at the end of the request; an exception takes back the block alone."""
    shop = Shop()
    client = shop.client()

    def view(session: Session) -> None:
        session["kept"] = [1]
        with pytest.raises(KeyError), session.transaction():
            session["kept"].append(2)
            session["n"] = 1
            raise KeyError
        with session.transaction():
            session["m"] = 1

    shop.visit(client, view)
    assert shop.seen(client) == "{'kept': [1], 'm': 1}"


def test_a_session_that_has_ended_meanwhile_is_a_conflict() -> None:
    """The block does not run on a session that is not there, and does not make it again."""
    shop = Shop()
    client = shop.client(user="anna")
    ran = []

    def view(session: Session) -> object:
        with pytest.raises(Conflict, match="let the user log in again"), session.transaction():
            ran.append(1)
        return "refused"

    slow = Paused(shop, shop.same(client), view)
    shop.visit(client, lambda session: session.clear())
    assert slow.finish().text == "refused"
    assert (ran, shop.records()) == ([], [])


def test_logging_out_in_a_block() -> None:
    """The record goes with the commit, the cookie with the answer; a new session may follow."""
    shop = Shop()
    for view, left in ((logout, "{}"), (lambda s: s.pop("user"), "{}"), (login, "new")):
        client = shop.client(user="anna")
        before = cookie(client)

        def leave(session: Session, view: Any = view) -> None:
            with session.transaction():
                view(session)

        shop.visit(client, leave)
        assert cookie(client) != before
        assert shop.seen(client) == ("{'user': 'new'}" if left == "new" else "{}")
        assert len(shop.records()) == (left == "new")


def logout(session: Session) -> None:
    """The end of a session."""
    session.clear()


def login(session: Session) -> None:
    """A login that begins a new session."""
    session.clear()
    session["user"] = "new"


def test_a_logout_in_a_block_counts_when_the_block_ends() -> None:
    """Not only when the request does: another window is logged out at once."""
    shop = Shop()
    client = shop.client(user="anna")

    def leave(session: Session) -> object:
        with session.transaction():
            session.clear()
        return len(shop.records())

    assert shop.visit(client, leave).text == "0"


def test_a_block_after_clear_is_in_the_new_session() -> None:
    """Nothing of the old one is loaded anew, not even what others have put in meanwhile."""
    shop = Shop()
    client = shop.client(user="anna")

    def view(session: Session) -> None:
        session.clear()
        with session.transaction():
            session["user"] = "berta"

    slow = Paused(shop, client, view)
    shop.visit(shop.same(client), lambda session: session.update(late=1))
    slow.finish()
    assert shop.seen(client) == "{'user': 'berta'}"


def test_becoming_permanent_in_a_block() -> None:
    """The cookie is told, although nothing is left to write at the request's end."""
    shop = Shop()
    client = shop.client(user="anna")

    def view(session: Session) -> None:
        with session.transaction():
            session.permanent = True

    [given] = sets(shop.visit(client, view))
    assert "Expires=" in given
    assert sets(shop.visit(client)) == []


def test_rotating_in_a_block() -> None:
    """What the block has left is committed, and the id changes at the request's end."""
    shop = Shop()
    client = shop.client(n=0)
    before = cookie(client)

    def view(session: Session) -> None:
        with session.transaction():
            session["n"] += 1
            session.rotate()

    shop.visit(client, view)
    assert cookie(client) != before
    assert shop.seen(client) == "{'n': 1}"
    assert len(shop.records()) == 1


def test_shared_objects_join() -> None:
    """Session and counter are committed together, or neither."""
    shop = Shop()
    sold = shop.space.counter("sold")
    client = shop.client(cart=[])

    def buy(session: Session, fail: bool = False) -> None:
        with session.transaction():
            session["cart"].append(sold.increment())
            if fail:
                raise KeyError("nothing left")

    shop.visit(client, buy)
    with pytest.raises(KeyError):
        shop.visit(client, lambda session: buy(session, fail=True))
    assert (sold.value, shop.seen(client)) == (1, "{'cart': [1]}")


def test_inside_of_another_transaction_it_is_refused() -> None:
    """The other order works, and the message says so."""
    shop = Shop()
    client = shop.client(n=0)
    other = shop.space.counter("other")

    def view(session: Session) -> None:
        with shop.space.transaction(other), session.transaction():
            session["n"] = 1

    with pytest.raises(Misuse, match="begin with the session's"):
        shop.visit(client, view)
    assert shop.seen(client) == "{'n': 0}"


def test_nothing_is_written_by_a_block_that_changes_nothing() -> None:
    """Reading in a transaction is no write."""
    shop = Shop()
    client = shop.client(n=0)
    before = shop.records()

    def view(session: Session) -> object:
        with session.transaction():
            return session["n"]

    assert shop.visit(client, view).text == "0"
    assert shop.records() == before


@pytest.mark.parametrize("saving", [False, True], ids=["transaction", "save"])
def test_a_session_that_is_held_for_too_long_is_a_503(saving: bool) -> None:
    """In the block, and at the end of a request, whose own answer is then not sent."""
    app = Flask("slow")
    app.config.update(SECRET_KEY="dev", INSTEP_URL="memory:", INSTEP_TIMEOUT=0.05)
    shared = Instep(app)
    Sessions(app)
    inside, go, closed = threading.Event(), threading.Event(), []

    @app.get("/login")
    def login() -> str:
        session["n"] = 0
        return ""

    @app.get("/hold")
    def hold() -> str:
        with session.transaction():
            inside.set()
            assert go.wait(60)
            session["n"] += 1
        return "held"

    @app.get("/save")
    def save() -> Any:
        session["saved"] = True
        response = app.response_class(Body(closed), headers={"X-Secret": "1"})
        response.direct_passthrough = True
        return response

    @app.get("/transaction")
    def transaction() -> str:
        with session.transaction():
            session["saved"] = True
        return "saved"

    client, other = app.test_client(), app.test_client()
    client.get("/login")
    other.set_cookie("session", cookie(client))
    answers: list[str] = []
    holder = threading.Thread(target=lambda: answers.append(client.get("/hold").text))
    holder.start()
    assert inside.wait(60)
    refused = other.get("/save" if saving else "/transaction")
    go.set()
    holder.join()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert "X-Secret" not in refused.headers
    assert "saved" not in refused.text
    assert sets(refused) == []
    assert closed == ([True] if saving else [])
    assert answers == ["held"]
    with app.app_context():
        [(_, record)] = shared.opened().store.scan(b"session")
    assert b"saved" not in record.data


class Body:
    """The body of a response that must be closed."""

    def __init__(self, closed: list[bool]) -> None:
        self._closed = closed

    def __iter__(self) -> Any:
        return iter([b"saved"])

    def close(self) -> None:
        """Note it."""
        self._closed.append(True)


def test_without_an_instep_a_lock_timeout_is_what_it_is() -> None:
    """Nobody has registered an answer for it then."""
    shop = Shop(timeout=0.05)
    client = shop.client(n=0)
    [(key, _)] = shop.records()
    with shop.space.opened().store.hold([key], 5), pytest.raises(LockTimeout):
        Paused(shop, client, lambda session: session.update(n=1)).finish()
    assert shop.seen(client) == "{'n': 0}"
