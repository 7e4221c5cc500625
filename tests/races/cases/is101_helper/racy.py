"""A sum of sales, changed two calls away from the view."""

# explore: POST /sale?amount=3 | POST /sale?amount=5
# dynamic

from flask import Flask, request

app = Flask(__name__)
total = 0


def tax(amount):
    return amount // 10


def book(amount):
    global total
    total = total + amount + tax(amount)  # IS101


def sell(amount):
    book(amount)


@app.post("/sale")
def sale():
    sell(int(request.args["amount"]))
    return "thanks"


@app.get("/total")
def report():
    return str(total)
