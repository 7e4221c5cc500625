"""A resource in a request: what it takes to get at what is made once and used everywhere."""

from dataclasses import dataclass
from statistics import median

from benchmarks.pace import Caches as Pace
from benchmarks.rounds import Action, Times, measure, ratio
from flask import Flask, current_app, g
from instep.flask import Instep

GLOBAL, ON_G = "plain global", "flask.g: attribute"
ON_G_ONCE = "flask.g: made if it is missing"
EXTENSION = "current_app.extensions"
PROCESS, THREAD, REQUEST = (
    f"instep, scope={scope!r}" for scope in ("process", "thread", "request")
)
OURS = (PROCESS, THREAD, REQUEST)


class Client:
    """What is got at."""


@dataclass(frozen=True, slots=True)
class Access:
    """What one way took.

    Args:
        name: the way.
        ours: whether it is instep's.
        median: microseconds, the median over the rounds.
        least: microseconds, the fastest round.
        ratio: to an attribute of `flask.g`, the median of the rounds' ratios.
    """

    name: str
    ours: bool
    median: float
    least: float
    ratio: float


_client = Client()


def run(pace: Pace) -> list[Access]:
    """Measure every way inside one request."""
    app = Flask("access")
    app.extensions["client"] = _client
    ours = _ours(app)
    with app.test_request_context("/"):
        g.client = _client
        times = measure(_peers() | ours, pace.rounds, pace.turn)
    return [_access(name, times) for name in times]


def _peers() -> dict[str, Action]:
    def plain() -> Client:
        return _client

    def on_g() -> object:
        return g.client

    def on_g_once() -> object:
        if "client" not in g:
            g.client = Client()
        return g.client

    def extension() -> object:
        return current_app.extensions["client"]

    return {GLOBAL: plain, ON_G: on_g, ON_G_ONCE: on_g_once, EXTENSION: extension}


def _ours(app: Flask) -> dict[str, Action]:
    app.config["INSTEP_URL"] = "memory:"
    shared = Instep(app)
    process = shared.resource(Client, scope="process")
    thread = shared.resource(Client, scope="thread")
    request = shared.resource(Client, scope="request")
    return {
        PROCESS: lambda: process(),
        THREAD: lambda: thread(),
        REQUEST: lambda: request(),
    }


def _access(name: str, times: Times) -> Access:
    micro = [seconds * 1e6 for seconds in times[name]]
    return Access(name, name in OURS, median(micro), min(micro), ratio(times, name, ON_G))
