"""A rate limit kept by hand, in a decorator with an argument, under a lock."""

# explore: GET /search?user=ann | GET /search?user=ann
# dynamic

import functools
import threading

from flask import Flask, request

app = Flask(__name__)
calls = {}
lock = threading.Lock()


def limited(times):
    def decorate(view):
        @functools.wraps(view)
        def wrapper(*args, **kwargs):
            user = request.args["user"]
            with lock:
                made = calls.get(user, 0)
                if made >= times:
                    return "too many", 429
                calls[user] = made + 1
            return view(*args, **kwargs)

        return wrapper

    return decorate


@app.get("/search")
@limited(1)
def search():
    return "found"
