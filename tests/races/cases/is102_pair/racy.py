"""Two globals that belong together, bound one after the other."""

# explore: POST /price?value=7 | GET /price

from flask import Flask, request

app = Flask(__name__)
price = 1
label = "price 1"


@app.post("/price")
def change():
    global price, label
    price = int(request.args["value"])  # IS102 or IS115
    label = f"price {price}"
    return "changed"


@app.get("/price")
def show():
    return f"{price}: {label}"
