"""Order numbers in a class attribute."""

# explore: POST /order | POST /order
# dynamic

from flask import Flask

app = Flask(__name__)


class Order:
    last = 0

    def __init__(self):
        Order.last = Order.last + len("1")  # IS105 or IS101
        self.number = Order.last


@app.post("/order")
def order():
    return f"order {Order().number}"
