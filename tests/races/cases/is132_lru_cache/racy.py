"""A cache of what can change: each worker keeps its own old price."""

import functools

from flask import Flask, request

app = Flask(__name__)


class Prices:
    def __init__(self):
        self.tea = 3


prices = Prices()


@functools.lru_cache(maxsize=None)
def price():  # IS132
    return prices.tea


@app.get("/price")
def show():
    return str(price())


@app.post("/price")
def change():
    prices.tea = int(request.args["value"])
    price.cache_clear()
    return "changed"
