"""The shop of `shop.py` with its state shared: every call of a method is one step for all."""

from flask import Flask, request
from instep.flask import Instep

app = Flask(__name__)
shared = Instep(app)


class Shop:
    def __init__(self, stock):
        self.stock = stock
        self.orders = []

    def order(self, item):
        if self.stock.get(item, 0) < 1:
            return None
        self.stock[item] -= 1
        number = len(self.orders) + 1
        self.orders.append({"number": number, "item": item})
        return number

    def listed(self):
        return list(self.orders)


visitors = shared.counter("visitors")
shop = shared.share("shop", Shop, {"tea": 5, "rice": 3})


@app.get("/")
def home():
    return f"You are visitor {visitors.increment()}"


@app.post("/order")
def order():
    number = shop.order(request.json["item"])
    return ({"number": number}, 201) if number else ({"error": "sold out"}, 409)


@app.get("/orders")
def listed():
    return {"orders": shop.listed()}
