"""Two views, two locks, always both in the same order."""

# explore: POST /add | POST /take
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
adding = threading.Lock()
taking = threading.Lock()
stock = 5


@app.post("/add")
def add():
    global stock
    with adding, taking:
        stock = stock + len("1")
        return "added"


@app.post("/take")
def take():
    global stock
    with adding, taking:
        stock = stock - len("1")
        return "taken"


@app.get("/")
def index():
    with adding, taking:
        return str(stock)
