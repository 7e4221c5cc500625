"""A lock for each user, and a stock that all of them share."""

# explore: POST /buy/ann | POST /buy/ben
# dynamic

import threading
from collections import defaultdict

from flask import Flask

app = Flask(__name__)
locks = defaultdict(threading.Lock)
stock = {"tea": 1}


@app.post("/buy/<user>")
def buy(user):
    with locks[user]:
        left = stock["tea"]
        if left < 1:
            return "sold out", 409
        stock["tea"] = left - 1  # IS113 or IS110 or IS103
        return "sold"
