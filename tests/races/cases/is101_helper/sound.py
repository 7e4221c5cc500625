"""A sum of sales, changed two calls away from the view, under the caller's lock."""

# explore: POST /sale?amount=3 | POST /sale?amount=5
# dynamic

import threading

from flask import Flask, request

app = Flask(__name__)
total = 0
lock = threading.Lock()


def tax(amount):
    return amount // 10


def book(amount):
    global total
    total = total + amount + tax(amount)


def sell(amount):
    with lock:
        book(amount)


@app.post("/sale")
def sale():
    sell(int(request.args["amount"]))
    return "thanks"


@app.get("/total")
def report():
    with lock:
        return str(total)
