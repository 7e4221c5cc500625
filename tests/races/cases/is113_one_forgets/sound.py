"""A helper that counts on its callers' lock, which all of them hold."""

# explore: POST /one | POST /many
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
lock = threading.Lock()
total = 0


def _add(number):
    global total
    total = total + int(number)
    return total


@app.post("/one")
def one():
    with lock:
        return str(_add("1"))


@app.post("/many")
def many():
    with lock:
        return str(_add("10"))
