"""A cache of what depends on its arguments only."""

import functools

from flask import Flask

app = Flask(__name__)


@functools.lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@app.get("/fibonacci/<int:n>")
def show(n):
    return str(fibonacci(min(n, 90)))
