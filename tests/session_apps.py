"""Applications with sessions, for the tests of them: each view is what the test gives it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask import Flask
from instep import Space
from instep.integrations.session import Session, Sessions, session

View = Callable[[Session], object]


class Shop:
    """An application whose requests do what they are told, and its store.

    Args:
        url: of the store.
        timeout: of the store, in seconds.
        config: of the application.
    """

    def __init__(self, url: str = "memory:", timeout: float = 60, **config: Any) -> None:
        self.app = Flask("shop")
        self.app.config.update({"SECRET_KEY": "dev", "TESTING": True} | config)
        self.space = Space(url, timeout=timeout)
        Sessions(self.app, space=self.space)
        self.app.add_url_rule("/", view_func=self._view)
        self._todo = threading.local()

    def _view(self) -> str:
        made = self._todo.view(session)
        return made if isinstance(made, str) else repr(made)

    def visit(self, client: FlaskClient, view: View = lambda session: dict(session)) -> Any:
        """Make a request; the answer."""
        self._todo.view = view
        return client.get("/")

    def client(self, **items: Any) -> FlaskClient:
        """A browser, logged in if it is told what is in its session."""
        client = self.app.test_client()
        if items:
            self.visit(client, lambda session: session.update(items))
        return client

    def same(self, client: FlaskClient) -> FlaskClient:
        """The same user in another window."""
        other = self.app.test_client()
        other.set_cookie("session", cookie(client))
        return other

    def seen(self, client: FlaskClient) -> str:
        """What is in a user's session, sorted by keys."""
        answer: str = self.visit(client, lambda session: dict(sorted(session.items()))).text
        return answer

    def records(self) -> list[tuple[bytes, Any]]:
        """What the store keeps."""
        return self.space.opened().store.scan(b"")

    def lifetime(self, seconds: float) -> None:
        """Say how long sessions live."""
        self.app.permanent_session_lifetime = timedelta(seconds=seconds)


def cookie(client: FlaskClient) -> str:
    """What a client's cookie holds; empty if it has none."""
    found = client.get_cookie("session")
    return found.value if found else ""


def sets(response: TestResponse) -> list[str]:
    """The cookies that an answer sets."""
    return response.headers.getlist("Set-Cookie")


class Paused:
    """A request that stops in its view until it is let go: what comes meanwhile is concurrent.

    Args:
        shop: the application.
        client: the browser.
        before: what the view does before it stops.
        after: what it does when it goes on.
    """

    def __init__(
        self, shop: Shop, client: FlaskClient, after: View, before: View = lambda session: None
    ) -> None:
        self._loaded, self._go = threading.Event(), threading.Event()
        self.response: Any = None
        self.error: Exception | None = None

        def view(session: Session) -> object:
            before(session)
            self._loaded.set()
            assert self._go.wait(60)
            return after(session)

        def run() -> None:
            try:
                self.response = shop.visit(client, view)
            except Exception as error:
                self.error = error

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert self._loaded.wait(60)

    def finish(self) -> Any:
        """Let it go, and wait for its answer; what it raised is raised here."""
        self._go.set()
        self._thread.join(60)
        if self.error is not None:
            raise self.error
        assert self.response is not None
        return self.response
