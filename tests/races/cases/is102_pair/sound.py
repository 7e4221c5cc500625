"""One immutable object, published at once."""

# explore: POST /price?value=7 | GET /price

from flask import Flask, request

app = Flask(__name__)
offer = (1, "price 1")


@app.post("/price")
def change():
    global offer
    value = int(request.args["value"])
    offer = (value, f"price {value}")
    return "changed"


@app.get("/price")
def show():
    value, label = offer
    return f"{value}: {label}"
