"""A plain WSGI callable with an atomic counter."""

# explore: GET / | GET /

import itertools

count = itertools.count(1)


def app(environ, start_response):
    body = str(next(count)).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
