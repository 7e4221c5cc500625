"""The cookie, the configuration and the expiry of sessions."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask import Flask
from instep import Misuse, Space
from instep.integrations.session import Session, Sessions
from session_apps import Shop, cookie, sets


def test_the_cookie_is_an_opaque_signed_id() -> None:
    """32 random bytes and a signature; nothing of what is in the session."""
    shop = Shop()
    first, second = cookie(shop.client(user="anna")), cookie(shop.client(user="anna"))
    sid, _, signature = first.partition(".")
    assert (len(sid), len(signature)) == (43, 43)
    assert sid != second.partition(".")[0]
    assert "anna" not in first


@pytest.mark.parametrize(
    "forged",
    [
        lambda value: value.partition(".")[0],
        lambda value: value[:-9] + ("A" if value[-9] != "A" else "B") + value[-8:],
        lambda value: "x" + value,
        lambda value: "." + value.partition(".")[2],
        lambda value: "a" * 4000,
        lambda value: "\xff\xfe",
    ],
    ids=["unsigned", "signature", "id", "empty", "long", "bytes"],
)
def test_a_forged_cookie_is_passed_over(forged: Any) -> None:
    """The session is new, and so is its id when something is put in."""
    shop = Shop()
    client = shop.client(user="anna")
    other = shop.app.test_client()
    other.set_cookie("session", forged(cookie(client)))
    answer = shop.visit(other)
    assert (answer.text, sets(answer)) == ("{}", [])
    shop.visit(other, lambda session: session.update(user="mallory"))
    assert cookie(other).partition(".")[0] != cookie(client).partition(".")[0]
    assert shop.seen(client) == "{'user': 'anna'}"


def test_an_id_that_is_not_known_is_not_taken_over() -> None:
    """A good signature on an id that has no record (any more) fixates nothing."""
    shop = Shop()
    client = shop.client(user="anna")
    shop.space.delete("session")
    before = cookie(client)
    shop.visit(client, lambda session: session.update(user="berta"))
    assert cookie(client).partition(".")[0] != before.partition(".")[0]


def test_a_secret_of_another_program_is_worth_nothing() -> None:
    """Two applications on one store with two secrets do not take each other's cookies."""
    shop = Shop()
    client = shop.client(user="anna")
    shop.app.secret_key = "another"
    assert shop.seen(client) == "{}"


def test_secrets_can_be_changed() -> None:
    """`SECRET_KEY_FALLBACKS` are taken, and the new secret signs."""
    shop = Shop()
    client = shop.client(user="anna")
    before = cookie(client)
    shop.app.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["older", "dev"])
    assert shop.seen(client) == "{'user': 'anna'}"
    shop.visit(client, lambda session: session.rotate())
    assert cookie(client) != before
    shop.app.config.update(SECRET_KEY_FALLBACKS=[])
    assert shop.seen(client) == "{'user': 'anna'}"
    client.set_cookie("session", before)
    assert shop.seen(client) == "{}"


def test_the_cookie_has_flasks_attributes() -> None:
    """All of `SESSION_COOKIE_*` count, when it is set and when it is deleted."""
    shop = Shop(
        SESSION_COOKIE_NAME="sid",
        SESSION_COOKIE_DOMAIN="example.org",
        SESSION_COOKIE_PATH="/shop",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_PARTITIONED=True,
    )
    expected = "Domain=example.org; Secure; HttpOnly; Path=/shop; SameSite=Strict; Partitioned"
    answer = shop.visit(shop.client(), lambda session: session.update(user="anna"))
    [given] = sets(answer)
    name, _, rest = given.partition("=")
    assert (name, rest.partition("; ")[2]) == ("sid", expected)
    [dropped] = sets(shop.visit(shop.client(), lambda session: session.clear()))
    assert dropped == (
        "sid=; Domain=example.org; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; "
        "Secure; HttpOnly; Path=/shop; SameSite=Strict; Partitioned"
    )


def test_by_default_scripts_cannot_read_it() -> None:
    """And it ends with the browser's session."""
    shop = Shop()
    [given] = sets(shop.visit(shop.client(), lambda session: session.update(user="anna")))
    assert given.partition("; ")[2] == "HttpOnly; Path=/"


def test_answers_vary_by_the_cookie_if_the_session_was_used() -> None:
    """As with Flask's own: caches must tell users apart, and need not where nobody looked."""
    shop = Shop()
    shop.app.get("/static-like")(lambda: "the same for all")
    client = shop.client(user="anna")
    assert shop.visit(client, lambda session: session.get("user")).headers["Vary"] == "Cookie"
    assert "Vary" not in client.get("/static-like").headers


def test_permanent_sessions_have_an_expiry() -> None:
    """The cookie ends when the record does; without permanence it has no end of its own."""
    shop = Shop(PERMANENT_SESSION_LIFETIME=timedelta(hours=2))
    client = shop.client()
    [given] = sets(shop.visit(client, lambda session: session.update(user="a", _permanent=True)))
    assert "Expires=" in given
    [given] = sets(shop.visit(client, lambda session: session.update(_permanent=False)))
    assert "Expires=" not in given
    [(_, record)] = shop.records()
    assert 7000 < record.expires - time.time() <= 7200


def test_sessions_may_be_permanent_from_the_start() -> None:
    """`SESSION_PERMANENT`, as Flask-Session knows it."""
    shop = Shop(SESSION_PERMANENT=True)
    [given] = sets(shop.visit(shop.client(), lambda session: session.update(user="anna")))
    assert "Expires=" in given


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock on, by seconds."""
    begun, gone = time.time, [0.0]
    monkeypatch.setattr("time.time", lambda: begun() + gone[0])

    def move(seconds: float) -> None:
        gone[0] += seconds

    return move


def test_a_session_ends(later: Callable[[float], None]) -> None:
    """After its lifetime the id is worth nothing; what is put in then has a new one."""
    shop = Shop()
    shop.lifetime(100_000)
    client = shop.client(user="anna")
    before = cookie(client)
    later(99_000)
    assert shop.seen(client) == "{'user': 'anna'}"  # which renews it
    later(99_000)
    assert shop.seen(client) == "{'user': 'anna'}"
    later(101_000)
    assert shop.seen(client) == "{}"
    shop.visit(client, lambda session: session.update(user="berta"))
    assert cookie(client) != before


def test_the_expiry_moves_when_enough_of_the_lifetime_has_gone() -> None:
    """Not by every request; then by one write, and a cookie if the session is permanent."""
    shop = Shop()
    shop.lifetime(100_000)
    client = shop.client(user="anna")
    begun = shop.records()
    shop.visit(client)
    assert shop.records() == begun
    shop.lifetime(104_000)  # as if 4,000 of them had gone
    shop.visit(client)
    assert shop.records() == begun
    shop.lifetime(110_000)
    assert sets(shop.visit(client)) == []
    [(_, moved)] = shop.records()
    assert moved.expires > begun[0][1].expires + 9000
    assert moved.data == begun[0][1].data
    shop.visit(client, lambda session: session.update(_permanent=True))
    shop.lifetime(200_000)
    assert "Expires=" in sets(shop.visit(client))[0]


def test_a_shorter_lifetime_counts_from_the_next_request_on() -> None:
    """A session that was promised more has its expiry moved back."""
    shop = Shop()
    shop.lifetime(1000)
    client = shop.client(user="anna")
    shop.lifetime(10)
    shop.visit(client)
    [(_, record)] = shop.records()
    assert record.expires < time.time() + 11


def test_without_refresh_only_changes_move_the_expiry() -> None:
    """`SESSION_REFRESH_EACH_REQUEST = False`: a session that is only read ends in time."""
    shop = Shop(SESSION_REFRESH_EACH_REQUEST=False)
    shop.lifetime(1000)
    client = shop.client(user="anna")
    begun = shop.records()
    shop.lifetime(2000)
    shop.visit(client)
    assert shop.records() == begun
    shop.visit(client, lambda session: setattr(session, "modified", True))
    [(_, moved)] = shop.records()
    assert moved.expires > begun[0][1].expires + 900


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_lifetime_of_nothing_is_refused(seconds: int) -> None:
    """A session that would have ended at once is a mistake in the configuration."""
    shop = Shop()
    shop.lifetime(seconds)
    with pytest.raises(Misuse, match="PERMANENT_SESSION_LIFETIME"):
        shop.client(user="anna")


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("SESSION_TYPE", "redis", "INSTEP_URL"),
        ("SESSION_REDIS", object(), "INSTEP_URL"),
        ("SESSION_MEMCACHED", object(), "INSTEP_URL"),
        ("SESSION_CACHELIB", object(), "INSTEP_URL"),
        ("SESSION_FILE_DIR", "/tmp/sessions", "INSTEP_URL"),
        ("SESSION_FILE_THRESHOLD", 500, "INSTEP_URL"),
        ("SESSION_MONGODB_DB", "x", "INSTEP_URL"),
        ("SESSION_SQLALCHEMY_TABLE", "x", "INSTEP_URL"),
        ("SESSION_DYNAMODB", object(), "INSTEP_URL"),
        ("SESSION_SERIALIZATION_FORMAT", "json", "one format"),
        ("SESSION_CLEANUP_N_REQUESTS", 100, "swept"),
        ("SESSION_USE_SIGNER", False, "always signed"),
        ("SESSION_ID_LENGTH", 8, "16 to 128; this is 8"),
        ("SESSION_ID_LENGTH", 1000, "16 to 128"),
        ("SESSION_ID_LENGTH", True, "16 to 128"),
        ("SESSION_ID_LENGTH", "32", "16 to 128"),
        ("SESSION_PERMANENT", "yes", "True or False"),
        ("SESSION_KEY_PREFIX", "", "not empty"),
        ("SESSION_KEY_PREFIX", "a\0b", "control characters"),
        ("SESSION_KEY_PREFIX", 7, "a name is a text"),
    ],
)
def test_what_has_no_meaning_is_refused(key: str, value: Any, complaint: str) -> None:
    """Nothing that people know from Flask-Session is ignored without a word."""
    app = Flask("wrong")
    app.config[key] = value
    with pytest.raises(Misuse, match=complaint) as refused:
        Sessions(app, space=Space("memory:"))
    assert key.startswith("SESSION_KEY") or key in str(refused.value)


def test_flask_session_knows_no_other_keys() -> None:
    """Each key of the installed Flask-Session is either used or refused."""
    from flask_session.defaults import Defaults

    from instep.integrations.session.settings import _FOREIGN

    used = {
        "SESSION_KEY_PREFIX",
        "SESSION_ID_LENGTH",
        "SESSION_PERMANENT",
        "SESSION_USE_SIGNER",
    }
    for key in vars(Defaults):
        if key.startswith("SESSION_"):
            assert key in used or any(key.startswith(start) for start in _FOREIGN), key


def test_what_is_known_is_used() -> None:
    """The name, the length of the id, and the signer, which is always there."""
    shop = Shop(SESSION_KEY_PREFIX="logins", SESSION_ID_LENGTH=16, SESSION_USE_SIGNER=True)
    client = shop.client(user="anna")
    assert shop.space.names() == ["logins"]
    assert len(cookie(client).partition(".")[0]) == 22


@pytest.mark.parametrize("refresh", [True, False])
def test_a_session_that_expires_in_a_transaction_has_an_end(
    refresh: bool, later: Callable[[float], None]
) -> None:
    """The commit renews it, and does not leave a record that never expires."""
    shop = Shop(SESSION_REFRESH_EACH_REQUEST=refresh)
    shop.lifetime(100_000)
    client = shop.client(user="anna")

    def view(session: Session) -> None:
        with session.transaction():
            session["n"] = 1
            later(101_000)

    shop.visit(client, view)
    [(_, renewed)] = shop.records()
    assert 0 < renewed.expires - time.time() < 100_001
    assert shop.seen(client) == "{'n': 1, 'user': 'anna'}"
