"""Counters that are right or wrong in ways that only show under amplification."""

import itertools
import random
import threading

from flask import Flask, request


def counting(step):
    """An application that answers with what a function returns."""
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: str(step()), methods=["GET", "POST"])
    return app


count = 0
guarded = 0
mine = {"n": 0}
orders = {}
lock = threading.Lock()
turns = itertools.count(1)
draws = random.Random(5)


def racy_step():
    global count
    count += 1
    return count


def fixed_step():
    global guarded
    with lock:
        guarded += 1
        return guarded


class Stock:
    def __init__(self):
        self.n = 0
        self.lock = threading.Lock()

    def take(self):
        self.n += 1
        return self.n

    def read_late(self):
        with self.lock:
            self.n += 1
        return self.n


def order():
    number = len(orders) + 1
    orders[number] = {"number": number}
    return number


def looping():
    for n in range(10_000):
        mine["n"] = n
    return next(turns)


def alone():
    basket = {"n": 0}
    basket["n"] += 1
    basket.update(n=len(basket))
    return next(turns)


def drawing():
    with lock:
        draws.seed(len(orders))
        orders[len(orders)] = random.getrandbits(1)
        return len(orders)


def make():
    state = {"n": 0}

    def step():
        state["n"] += 1
        return state["n"]

    return counting(step)


def ordered():
    assert request.get_json() == {"item": 3}
    assert request.headers["X-Shop"] == "tea"
    return order()


racy = counting(racy_step)
fixed = counting(fixed_step)
item = counting(order)
method = counting(Stock().take)
late = counting(Stock().read_late)
loop = counting(looping)
local = counting(alone)
posted = counting(ordered)
