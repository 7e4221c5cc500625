"""One user for all clients: log in once, and send what came of it with every request."""

import http.client
from dataclasses import replace

from instep.errors import Misuse
from instep.races.load import Load
from instep.races.servers import HOST


def logged_in(load: Load, port: int) -> Load:
    """The load with the cookies that its login sets; without a login as it is.

    Args:
        load: what the clients do.
        port: where the server listens, on the loopback address.

    Raises:
        Misuse: the login was refused, or set no cookie.
    """
    if load.login is None:
        return load
    status, cookies = _ask(load.login, port, load.timeout)
    if status >= 400:
        raise Misuse(f"the login at {load.login} was answered with {status}, so nobody is a user")
    if not cookies:
        raise Misuse(f"the login at {load.login} set no cookie, so nobody can tell who the user is")
    return replace(load, cookie="; ".join(cookies))


def _ask(path: str, port: int, timeout: float) -> tuple[int, list[str]]:
    """The status, and each cookie that is set, as it is sent back."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Misuse(f"the login at {path} was not answered: {error!r}") from error
    finally:
        connection.close()
    pairs = [given.partition(";")[0] for given in response.headers.get_all("Set-Cookie", [])]
    return response.status, [pair for pair in pairs if pair.partition("=")[2]]
