"""Programs for `instep explore`, written to a folder by the tests."""

SHOP = """
import os
import threading

from flask import Flask, jsonify, redirect, request, session

app = Flask(__name__)
app.secret_key = "dev"
orders = {}
stock = {"tea": 1}
lock = threading.Lock()
drops = 0
print("hello from the import")


@app.post("/order")
def order():
    number = len(orders) + 1
    orders[number] = request.json["item"]
    return jsonify(number=number)


@app.post("/buy")
def buy():
    if stock["tea"] > 0:
        stock["tea"] = stock["tea"] - int(request.form["n"])
        return "bought"
    return "sold out", 409


@app.post("/safe")
def safe():
    with lock:
        number = len(orders) + 1
        orders[number] = "safe"
    return str(number)


@app.get("/count")
def count():
    return str(len(orders))


@app.post("/login")
def login():
    session["user"] = request.form["user"]
    return redirect("/")


@app.get("/mine")
def mine():
    global drops
    if "user" not in session:
        return "who are you?", 401
    drops += 1
    return session["user"]


@app.get("/forever")
def forever():
    while True:
        pass


@app.get("/fails")
def fails():
    raise ValueError("always")


@app.post("/file")
def file():
    lines = int(open("counter.txt").read()) if os.path.exists("counter.txt") else 0
    with open("counter.txt", "w") as stream:
        stream.write(str(lines + 1))
    orders["file"] = lines
    return str(lines)


def whole():
    assert stock["tea"] >= 0, f"{stock['tea']} left"


def reset():
    if os.path.exists("counter.txt"):
        os.remove("counter.txt")


def create_app(name):
    return app


def make():
    return app


def make_two(config, debug):
    return app


def fails():
    raise ValueError("no table")
"""

WSGI = """
seen = []


class App:
    total = 0

    def __call__(self, environ, start_response):
        App.total = App.total + int(environ["QUERY_STRING"] or 1)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(App.total).encode()]


app = App()
"""
