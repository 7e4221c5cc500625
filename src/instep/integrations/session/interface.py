"""Sessions between requests: the cookie, which carries a signed id and nothing else.

How it stays right. An id counts only with a good signature and a record that lives. Any other is
passed over, and what the request then puts in its session gets a new id: nobody can make somebody
else use an id that he knows. A cookie that is passed over is not deleted, because a newer one may
be on its way to the same browser.
"""

from __future__ import annotations

import hashlib
from typing import Any

from flask.sessions import NullSession, SessionInterface
from itsdangerous import BadSignature, Signer

from flask import Flask, Request, Response

from ...errors import LockTimeout, Misuse
from .records import Records
from .settings import Settings
from .state import Cookie, Session

_SALT = b"instep.session"


class Unavailable(NullSession):
    """The session of an application without a secret key: whatever changes it says so."""

    rotate = transaction = NullSession.clear


class Interface(SessionInterface):
    """What Flask asks for a session at the beginning of a request, and gives it to at the end.

    Args:
        records: where sessions are kept.
        settings: what is configured.
    """

    null_session_class = Unavailable

    def __init__(self, records: Records, settings: Settings) -> None:
        self._records = records
        self._settings = settings

    def open_session(self, app: Flask, request: Request) -> Session | None:
        """The session of the request's cookie, or a new one; None without a secret key."""
        signer = _signer(app)
        if signer is None:
            return None
        cookie = request.cookies.get(self.get_cookie_name(app), "")
        sid = _unsigned(signer, cookie)
        found = self._records.load(sid) if sid else None
        if found is not None:
            # A key that is a fallback now will be none some day; the newest one signs it again.
            stale = signer.sign(sid).decode() != cookie
            return Session(self._records, sid, found, stale=stale)
        fresh = Session(self._records)
        if self._settings.permanent:
            fresh.permanent = True
        return fresh

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        """Write what the request has changed, and set or delete the cookie.

        Raises:
            Misuse: a value cannot be stored, or all of them are too large; nothing was written.
            StoreError: the store could not write.
        """
        if not isinstance(session, Session) or session.refused:
            return  # it could not be loaded; or this is the answer that says what was refused
        if session.accessed:
            response.vary.add("Cookie")
        try:
            cookie = session.save(_lifetime(app), bool(app.config["SESSION_REFRESH_EACH_REQUEST"]))
        except LockTimeout as error:
            _replace(response, app.make_response(app.handle_user_exception(error)))
            return
        if cookie is Cookie.SET:
            self._set(app, session, response)
        elif cookie is Cookie.DROPPED:
            response.delete_cookie(self.get_cookie_name(app), **self._flags(app))
            response.vary.add("Cookie")

    def _set(self, app: Flask, session: Session, response: Response) -> None:
        signer = _signer(app)
        assert signer is not None  # or there would be no such session
        response.set_cookie(
            self.get_cookie_name(app),
            session.signed(signer),
            expires=self.get_expiration_time(app, session),
            **self._flags(app),
        )
        response.vary.add("Cookie")

    def _flags(self, app: Flask) -> dict[str, Any]:
        flags = {
            "domain": self.get_cookie_domain(app),
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "httponly": self.get_cookie_httponly(app),
            "samesite": self.get_cookie_samesite(app),
        }
        if "SESSION_COOKIE_PARTITIONED" in app.config:  # since Flask 3.1
            flags["partitioned"] = self.get_cookie_partitioned(app)
        return flags


def _signer(app: Flask) -> Signer | None:
    if not app.secret_key:
        return None
    fallbacks = app.config.get("SECRET_KEY_FALLBACKS") or ()  # since Flask 3.1
    keys = [*fallbacks, app.secret_key]  # the last one signs
    return Signer(keys, salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256)


def _unsigned(signer: Signer, cookie: str) -> str:
    """The id in a cookie; empty if it was not signed by this program."""
    try:
        return signer.unsign(cookie).decode()
    except (BadSignature, UnicodeError):
        return ""


def _lifetime(app: Flask) -> float:
    """The seconds that a session lives."""
    seconds = app.permanent_session_lifetime.total_seconds()
    if seconds <= 0:
        raise Misuse(
            f"PERMANENT_SESSION_LIFETIME is {seconds:g} s: a session would have ended before its "
            "second request"
        )
    return seconds


def _replace(response: Response, other: Response) -> None:
    """Answer with what another response says; the first one's body is let go of."""
    close = getattr(response.response, "close", None)
    if close is not None:
        close()
    response.status = other.status
    response.headers = other.headers
    response.response = other.response
    response.direct_passthrough = other.direct_passthrough
