"""Two views, two locks, one number."""

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
    with adding:
        stock = stock + len("1")  # IS113 or IS101
        return "added"


@app.post("/take")
def take():
    global stock
    with taking:
        stock = stock - len("1")  # IS113 or IS101
        return "taken"


@app.get("/")
def index():
    with adding, taking:
        return str(stock)
