"""A rate limit kept by hand, in a decorator with an argument."""

# explore: GET /search?user=ann | GET /search?user=ann
# dynamic

import functools

from flask import Flask, request

app = Flask(__name__)
calls = {}


def limited(times):
    def decorate(view):
        @functools.wraps(view)
        def wrapper(*args, **kwargs):
            user = request.args["user"]
            made = calls.get(user, 0)
            if made >= times:
                return "too many", 429
            calls[user] = made + 1  # IS110 or IS103
            return view(*args, **kwargs)

        return wrapper

    return decorate


@app.get("/search")
@limited(1)
def search():
    return "found"
