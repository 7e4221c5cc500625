"""What views return, as it is kept: a response or an abort becomes plain data, without pickle.

Texts, bytes, dicts, lists, tuples and whatever else instep can store need nothing. A response is
kept as its status, headers and body; in a tuple too, as in `return jsonify(…), 404`. What cannot
come back as it was is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_caching import CachedResponse
from markupsafe import Markup
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.wrappers import Response as BareResponse

from flask import Response, current_app

from ...errors import Misuse


@dataclass(frozen=True, slots=True)
class FlaskResponse:
    """A response.

    Args:
        status: such as `200 OK`.
        headers: in their order.
        body: all of it.
    """

    status: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class FlaskAbort:
    """What `abort(…)` has raised.

    Args:
        code: the status code, which tells the class.
        response: the response that it carries, if any.
        attributes: what else it says.
    """

    code: int
    response: FlaskResponse | None
    attributes: dict[str, Any]


KINDS = (FlaskResponse, FlaskAbort, Markup)
"""What a space has to know of."""


def stored(value: Any) -> Any:
    """The form in which a view's result is kept.

    Raises:
        Misuse: it is a response that cannot be made again.
    """
    if isinstance(value, BareResponse):
        return _response(value)
    if isinstance(value, HTTPException):
        return _abort(value)
    if type(value) is tuple:
        return tuple(map(stored, value))
    return value


def loaded(value: Any) -> Any:
    """The result that was kept in a form."""
    kind = type(value)
    if kind is FlaskResponse:
        return _response_class()(value.body, value.status, value.headers)
    if kind is FlaskAbort:
        abort = default_exceptions[value.code](response=loaded(value.response))
        vars(abort).update(value.attributes)
        return abort
    if kind is tuple:
        return tuple(map(loaded, value))
    return value


def _response(response: BareResponse) -> FlaskResponse:
    kind = type(response)
    if kind not in (_response_class(), Response, CachedResponse, BareResponse):
        raise Misuse(
            f"a response of the class {kind.__qualname__} would come back as one of another: set "
            "app.response_class to it, or return what it is made of"
        )
    if response.direct_passthrough or not response.is_sequence:
        raise Misuse(
            "a response that is streamed (a file, a generator) has no body that could be kept: do "
            "not cache this view, or give it a response_filter"
        )
    return FlaskResponse(response.status, response.headers.to_wsgi_list(), response.get_data())


def _abort(error: HTTPException) -> FlaskAbort:
    code = error.code or 0
    if type(error) is not default_exceptions.get(code):
        raise Misuse(
            f"an error of the class {type(error).__qualname__} cannot be kept: give the view a "
            "response_filter, or abort() with one of werkzeug's own"
        )
    response = error.response
    attributes = {name: value for name, value in vars(error).items() if name != "response"}
    kept = None if response is None else _response(response)  # type: ignore[arg-type]
    return FlaskAbort(code, kept, attributes)


def _response_class() -> type[BareResponse]:
    return current_app.response_class if current_app else Response
