"""A shop that keeps its state in globals, as one writes it first. It is wrong on purpose.

`instep doctor --chdir examples/shop` says where; `shop_shared.py` is the same shop, and right.
"""

from flask import Flask, request

app = Flask(__name__)

visitors = 0
orders = []
stock = {"tea": 5, "rice": 3}


@app.get("/")
def home():
    global visitors
    visitors += 1
    return f"You are visitor {visitors}"


@app.post("/order")
def order():
    item = request.json["item"]
    if stock.get(item, 0) < 1:
        return {"error": "sold out"}, 409
    number = len(orders) + 1
    orders.append({"number": number, "item": item})
    stock[item] = stock[item] - 1
    return {"number": number}, 201


@app.get("/orders")
def listed():
    return {"orders": orders}
