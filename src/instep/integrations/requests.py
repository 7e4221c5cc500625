"""A requests session per thread.

How it stays right. A `requests.Session` changes while it is used: its cookies, its redirects. Two
threads with one session mix them, and after a fork two processes read from one socket. And a
session that outlives a request carries the cookies of one user into the calls for the next, so here
they are refused unless you want them.
"""

from __future__ import annotations

from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy

import requests

from ..resources import Resource
from ..resources.declaring import Resources


def session(
    space: Resources,
    *,
    name: str = "requests",
    cookies: bool = False,
    prepare: Callable[[requests.Session], object] | None = None,
) -> Resource[requests.Session]:
    """A `requests.Session`, made once per thread and closed when the thread ends.

    Args:
        space: where it is declared.
        name: for messages.
        cookies: keep what servers set, for all later calls of the thread, whoever they are for.
        prepare: called with each new session: headers, adapters with retries.

    Returns:
        A resource: call it for the session.

    Example:
        >>> from instep import Space
        >>> web = session(Space("memory:"), prepare=lambda s: s.headers.update({"X-From": "shop"}))
        >>> web().headers["X-From"]
        'shop'
        >>> web.close()
    """

    def make() -> requests.Session:
        made = requests.Session()
        if not cookies:
            made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        if prepare is not None:
            prepare(made)
        return made

    return space.resource(make, scope="thread", close=requests.Session.close, name=name)
