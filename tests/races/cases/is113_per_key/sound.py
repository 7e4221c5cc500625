"""One lock for the stock that all users share."""

# explore: POST /buy/ann | POST /buy/ben
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
lock = threading.Lock()
stock = {"tea": 1}


@app.post("/buy/<user>")
def buy(user):
    with lock:
        left = stock["tea"]
        if left < 1:
            return "sold out", 409
        stock["tea"] = left - 1
        return "sold"
