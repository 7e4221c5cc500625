"""What a request's session does: changes that are seen, merges, logins, logouts, refusals."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from markupsafe import Markup

from flask import Flask, flash, get_flashed_messages
from instep import Misuse, Space
from instep.flask import Instep
from instep.integrations.session import Session, Sessions, session
from session_apps import Paused, Shop, cookie, sets


def put(**items: Any) -> Callable[[Session], object]:
    """A view that puts something into its session."""
    return lambda session: session.update(items)


def test_what_is_put_in_is_there_in_the_next_request() -> None:
    """Also in another process's application, which has only the store and the secret in common."""
    shop = Shop()
    client = shop.client(user="anna")
    assert shop.seen(client) == "{'user': 'anna'}"
    assert shop.seen(shop.app.test_client()) == "{}"


@pytest.mark.parametrize(
    "value",
    [
        (1, (2,)),
        {1, 2},
        b"\x00\xff",
        datetime(2026, 1, 2, tzinfo=UTC),
        timedelta(seconds=3),
        Decimal("1.10"),
        UUID(int=7),
        {"a": [1, {"b": None}]},
        Markup("<b>"),
        None,
        2**80,
        1.0,
    ],
)
def test_values_come_back_as_what_they_were(value: Any) -> None:
    """Equal and of the same type, which JSON would not give."""
    shop = Shop()
    client = shop.client(value=value)
    shop.visit(client, lambda session: session["value"] == value or pytest.fail("changed"))
    assert shop.visit(client, lambda session: type(session["value"]).__name__).text == (
        type(value).__name__
    )


def test_a_change_inside_of_a_value_is_seen() -> None:
    """Nobody has to set `modified`."""
    shop = Shop()
    client = shop.client(cart=[])
    shop.visit(client, lambda session: session["cart"].append({"tea": 1}))
    shop.visit(client, lambda session: session["cart"][0].update(tea=2))
    assert shop.seen(client) == "{'cart': [{'tea': 2}]}"


def test_modified_tells_the_truth() -> None:
    """Also of changes inside of values, and when something cannot be stored."""
    shop = Shop()
    client = shop.client(cart=[])

    def view(session: Session) -> list[bool]:
        seen = [session.modified]
        session["cart"].append(1)
        seen.append(session.modified)
        session["cart"].pop()
        seen.append(session.modified)
        session["cart"].append(object())
        seen.append(session.modified)
        session["cart"].clear()
        return seen

    assert shop.visit(client, view).text == "[False, True, False, True]"
    assert shop.visit(shop.client(), lambda session: (session.modified, session.new)).text == (
        "(False, True)"
    )
    assert shop.visit(client, lambda session: session.new).text == "False"


def test_nothing_is_written_when_nothing_has_changed() -> None:
    """Reading, and putting in what is there, cost no write and set no cookie."""
    shop = Shop()
    client = shop.client(cart=[1], user="anna")
    before = shop.records()
    answer = shop.visit(client, lambda session: session.update(user="anna", cart=[1]))
    assert shop.records() == before
    assert sets(answer) == []
    shop.visit(client, lambda session: session.update(cart=session.pop("cart")))  # another order
    assert shop.records() == before


def test_two_requests_of_a_user_do_not_overwrite_each_other() -> None:
    """What each has put, taken away and changed is there; the rest is left alone."""
    shop = Shop()
    client = shop.client(user="anna", old=1, cart=[1], both=0)

    def leave(session: Session) -> None:
        session["slow"] = 1
        del session["old"]
        session["both"] = "slow"

    slow = Paused(shop, shop.same(client), leave)
    shop.visit(
        client, lambda session: (session["cart"].append(2), session.update(fast=1, both="fast"))
    )
    slow.finish()
    assert shop.seen(client) == (
        "{'both': 'slow', 'cart': [1, 2], 'fast': 1, 'slow': 1, 'user': 'anna'}"
    )


def test_a_new_key_may_be_none() -> None:
    """It is told from one that is not there."""
    shop = Shop()
    client = shop.client(user="anna")
    shop.visit(client, put(cart=None))
    assert shop.seen(client) == "{'cart': None, 'user': 'anna'}"


def test_a_key_that_only_was_read_is_not_written_back() -> None:
    """A slow request that did nothing to a key does not bring its old value back."""
    shop = Shop()
    client = shop.client(theme="light", seen=[])
    slow = Paused(shop, shop.same(client), lambda session: session["seen"].append(1))
    shop.visit(client, put(theme="dark"))
    slow.finish()
    assert shop.seen(client) == "{'seen': [1], 'theme': 'dark'}"


def test_a_slow_request_does_not_log_a_user_in_again(caplog: pytest.LogCaptureFixture) -> None:
    """What has been logged out meanwhile is not made anew, and the log says what was dropped."""
    shop = Shop()
    client = shop.client(user="anna")
    window = shop.same(client)
    slow = Paused(shop, window, put(cart=[1]))
    out = shop.visit(client, lambda session: session.clear())
    assert "Expires=Thu, 01 Jan 1970" in sets(out)[0]
    with caplog.at_level(logging.INFO, "instep"):
        answer = slow.finish()
    assert answer.status_code == 200
    assert sets(answer) == []  # nor is a cookie deleted that may be newer
    assert shop.records() == []
    assert shop.seen(window) == "{}"
    assert "ended while a request was under way" in caplog.text


def test_clear_ends_the_session() -> None:
    """Record and cookie are gone; also what another request is putting in at that moment."""
    shop = Shop()
    client = shop.client(user="anna")
    shop.visit(client, lambda session: session.clear())
    assert cookie(client) == ""
    assert shop.records() == []


def test_what_comes_after_clear_is_in_a_new_session() -> None:
    """The login of Flask's tutorial, `session.clear()` and then the user, gets a new id."""
    shop = Shop()
    client = shop.client(csrf="x", _permanent=False)
    stolen = shop.same(client)
    before = cookie(client)

    def login(session: Session) -> None:
        session.clear()
        session["user"] = "anna"

    shop.visit(client, login)
    assert cookie(client) not in ("", before)
    assert (shop.seen(client), shop.seen(stolen)) == ("{'user': 'anna'}", "{}")
    assert len(shop.records()) == 1


def test_a_session_that_is_emptied_key_by_key_ends_too() -> None:
    """The last key that goes takes record and cookie with it."""
    shop = Shop()
    client = shop.client(user="anna", n=1)
    shop.visit(client, lambda session: session.pop("n"))
    assert shop.seen(client) == "{'user': 'anna'}"
    answer = shop.visit(client, lambda session: session.pop("user"))
    assert "Expires=Thu, 01 Jan 1970" in sets(answer)[0]
    assert shop.records() == []


def test_an_emptied_session_lives_if_another_request_has_put_something_in() -> None:
    """Then neither the record nor the cookie is deleted."""
    shop = Shop()
    client = shop.client(user="anna")
    slow = Paused(shop, shop.same(client), lambda session: session.pop("user"))
    shop.visit(client, put(cart=[1]))
    assert sets(slow.finish()) == []
    assert shop.seen(client) == "{'cart': [1]}"


def test_a_visitor_who_leaves_nothing_costs_nothing() -> None:
    """No record and no cookie for a session that holds nothing but its permanence."""
    shop = Shop(SESSION_PERMANENT=True)
    assert sets(shop.visit(shop.client())) == []
    assert sets(shop.visit(shop.client(), lambda session: session.pop("nothing", None))) == []
    assert shop.records() == []


def test_rotate_changes_the_id_and_keeps_the_rest() -> None:
    """The old id is worth nothing, and what others have put in meanwhile comes along."""
    shop = Shop()
    client = shop.client(cart=[1])
    stolen, before = shop.same(client), cookie(client)
    slow = Paused(shop, client, lambda session: (session.update(user="anna"), session.rotate()))
    shop.visit(stolen, put(theme="dark"))
    slow.finish()
    assert cookie(client) not in ("", before)
    assert shop.seen(client) == "{'cart': [1], 'theme': 'dark', 'user': 'anna'}"
    assert shop.seen(stolen) == "{}"
    assert len(shop.records()) == 1


def test_a_slow_request_does_not_follow_a_rotation() -> None:
    """What it would have put into the old session is dropped, and it is not made again."""
    shop = Shop()
    client = shop.client(cart=[1])
    slow = Paused(shop, shop.same(client), put(slow=1))
    shop.visit(client, lambda session: session.rotate())
    assert sets(slow.finish()) == []
    assert shop.seen(client) == "{'cart': [1]}"
    assert len(shop.records()) == 1


def test_a_rotation_does_not_log_in_what_was_logged_out() -> None:
    """Of a session that has ended meanwhile nothing is left to rotate."""
    shop = Shop()
    client = shop.client(user="anna")
    slow = Paused(shop, shop.same(client), lambda session: session.rotate())
    shop.visit(client, lambda session: session.clear())
    assert sets(slow.finish()) == []
    assert shop.records() == []


def test_rotate_of_a_new_session_is_nothing_special() -> None:
    """Its id is new anyway."""
    shop = Shop()
    client = shop.client()
    shop.visit(client, lambda session: (session.rotate(), session.update(user="anna")))
    assert shop.seen(client) == "{'user': 'anna'}"


@dataclass
class Basket:
    """A class of the program."""

    items: list[str]


def test_declared_classes_may_lie_in_a_session() -> None:
    """As in any shared object."""
    shop = Shop()
    shop.space.declare(Basket)
    client = shop.client(basket=Basket([]))
    shop.visit(client, lambda session: session["basket"].items.append("tea"))
    assert "Basket(items=['tea'])" in shop.seen(client)


def test_an_unstorable_value_is_refused_with_its_path(caplog: pytest.LogCaptureFixture) -> None:
    """The user gets a 500, the log says once what and where, and nothing at all was written."""
    shop = Shop(TESTING=False)
    client = shop.client(user="anna", cart=[])
    before = shop.records()

    def view(session: Session) -> None:
        session["cart"].append({"lock": threading.Lock()})
        session["theme"] = "dark"

    answer = shop.visit(client, view)
    assert answer.status_code == 500
    assert sets(answer) == []
    assert caplog.text.count("session['cart'][0]['lock'] is of type _thread.lock") == 1
    assert "finalizing failed" not in caplog.text
    assert shop.records() == before
    assert shop.seen(client) == "{'cart': [], 'user': 'anna'}"


def test_a_refusal_reaches_a_test_as_it_is() -> None:
    """With TESTING the exception comes out of the client."""
    shop = Shop()
    with pytest.raises(Misuse, match=r"session\['x'\] is"):
        shop.client(x=object())
    with pytest.raises(Misuse, match="texts as keys; this one has 7"):
        shop.visit(shop.client(), lambda session: session.update({7: 1}))  # type: ignore[arg-type,dict-item]
    assert shop.records() == []


def test_a_session_that_is_too_large_is_refused() -> None:
    """The message says how large, what is allowed, and where large things belong."""
    shop = Shop()
    client = shop.client(user="anna")
    with pytest.raises(Misuse, match=r"at most 1,048,576: .*mapping"):
        shop.visit(client, put(blob="x" * (1 << 20)))
    assert shop.seen(client) == "{'user': 'anna'}"


def test_two_requests_that_fit_may_not_fit_together() -> None:
    """The limit counts for what both have put in."""
    shop = Shop()
    client = shop.client(user="anna")
    slow = Paused(shop, shop.same(client), lambda session: _too_much(session))
    shop.visit(client, put(blob="x" * 700_000))
    with pytest.raises(Misuse, match=r"the session would be 1,400,0"):
        slow.finish()
    assert "slow" not in shop.seen(client)


def _too_much(session: Session) -> None:
    session["slow"] = "y" * 700_000


def test_what_a_failed_request_changed_is_kept() -> None:
    """As with Flask's own sessions, an exception in a view does not undo the session."""
    shop = Shop(TESTING=False)
    client = shop.client(user="anna")

    def view(session: Session) -> None:
        session["tries"] = 1
        raise RuntimeError

    assert shop.visit(client, view).status_code == 500
    assert shop.seen(client) == "{'tries': 1, 'user': 'anna'}"


def test_flashed_messages_and_markup() -> None:
    """What Flask itself puts into sessions works."""
    shop = Shop()
    client = shop.client()
    shop.visit(client, lambda session: (flash(Markup("<b>hello</b>"), "note"), flash("again")))
    shop.visit(client, lambda session: flash("third"))
    shown = shop.visit(client, lambda _: get_flashed_messages(with_categories=True)).text
    assert shown == "[('note', Markup('<b>hello</b>')), ('message', 'again'), ('message', 'third')]"
    assert shop.seen(client) == "{}"


def test_the_test_client_can_change_a_session() -> None:
    """`session_transaction` of Flask's test client loads and saves it."""
    shop = Shop()
    client = shop.client()
    with client.session_transaction() as opened:
        opened["user"] = "anna"
    assert shop.seen(client) == "{'user': 'anna'}"
    with client.session_transaction() as opened:
        assert opened["user"] == "anna"
        opened.clear()
    assert shop.seen(client) == "{}"


def test_a_damaged_record_is_an_error_that_names_no_id(caplog: pytest.LogCaptureFixture) -> None:
    """The request fails with a 500; nobody is given somebody else's bytes."""
    shop = Shop(TESTING=False)
    client = shop.client(user="anna")
    [(key, record)] = shop.records()
    store = shop.space.opened().store
    for data in (b"e\xc1", b"e\x01", b"o" + record.data[1:]):
        store.update(key, lambda _, data=data: (data, None), 1.0)
        assert shop.visit(client).status_code == 500
    assert cookie(client).partition(".")[0] not in caplog.text
    assert "finalizing failed" not in caplog.text


def test_the_store_and_the_log_know_no_ids(caplog: pytest.LogCaptureFixture) -> None:
    """Neither keys, data, representations nor messages hold what a cookie does."""
    caplog.set_level(logging.DEBUG)
    shop = Shop()
    client = shop.client(user="anna")
    sid = cookie(client).partition(".")[0]
    texts = [repr(shop.visit(client, lambda s: [repr(s), str(s.__class__)]).text), caplog.text]
    texts += [repr(shop.records()), repr(shop.app.session_interface)]
    with pytest.raises(Misuse) as refused:
        shop.visit(client, put(x=object()))
    assert not [text for text in (*texts, str(refused.value)) if sid in text]


def test_sessions_look_like_a_mapping() -> None:
    """`flask instep` lists them, and shows what a user's session holds."""
    app = Flask("listed")
    app.config.update(SECRET_KEY="dev", INSTEP_URL="memory:")
    shared = Instep(app)
    Sessions(app)
    app.get("/")(lambda: session.update(user="anna") or "")
    app.test_client().get("/")
    commands = app.test_cli_runner()
    assert "session  mapping  1 entries" in commands.invoke(args=["instep", "ls"]).output
    assert "kind: mapping" in commands.invoke(args=["instep", "describe", "session"]).output
    [key] = shared.describe("session").state
    assert len(key) == 64
    assert commands.invoke(args=["instep", "delete", "session", "--yes"]).exit_code == 0


def test_factories_and_several_applications() -> None:
    """One `Sessions` and one `Instep` serve several applications, each with its own store."""
    shared, sessions = Instep(), Sessions()
    clients = []
    for name in ("one", "two"):
        app = Flask(name)
        app.config.update(SECRET_KEY="dev", INSTEP_URL="memory:")
        shared.init_app(app)
        sessions.init_app(app)
        app.get("/<user>")(lambda user: session.setdefault("user", user))
        clients.append(app.test_client())
    assert [client.get(f"/{n}").text for n, client in enumerate(clients)] == ["0", "1"]
    assert [client.get("/x").text for client in clients] == ["0", "1"]
    clients[1].set_cookie("session", cookie(clients[0]))  # the same secret, another store
    assert clients[1].get("/y").text == "y"


def test_sessions_need_a_space() -> None:
    """Without an Instep, and without a space, the message says what to do."""
    with pytest.raises(Misuse, match=r"no Instep yet: make Instep\(app\) first"):
        Sessions(Flask("bare"))


def test_the_name_of_the_sessions_is_theirs() -> None:
    """Nothing else can be declared under it, nor they where something is."""
    shop = Shop()
    with pytest.raises(Misuse, match="declared twice, as sessions and as mapping"):
        shop.space.mapping("session")
    space = Space("memory:")
    space.counter("session")
    app = Flask("late")
    with pytest.raises(Misuse, match=r"declared as counter.*SESSION_KEY_PREFIX"):
        Sessions(app, space=space)
    app.config["SESSION_KEY_PREFIX"] = "logins"
    Sessions(app, space=space)
    assert Space.declared(space)["logins"].kind == "sessions"


def test_without_a_secret_key_the_session_says_so() -> None:
    """As Flask's own does, also for what is only here."""
    shop = Shop(SECRET_KEY=None)
    for view in (put(a=1), lambda session: session.rotate(), lambda session: session.transaction()):
        with pytest.raises(RuntimeError, match="no secret"):
            shop.visit(shop.client(), view)
    assert shop.seen(shop.client()) == "{}"
