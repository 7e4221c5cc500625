"""Order numbers drawn from itertools.count, which is one step."""

# explore: POST /order | POST /order

import itertools

from flask import Flask

app = Flask(__name__)


class Order:
    numbers = itertools.count(1)

    def __init__(self):
        self.number = next(Order.numbers)


@app.post("/order")
def order():
    return f"order {Order().number}"
