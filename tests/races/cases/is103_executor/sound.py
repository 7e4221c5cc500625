"""Jobs of an executor count under a lock, in a dictionary that views copy under it."""

import threading
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, jsonify

app = Flask(__name__)
executor = ThreadPoolExecutor(4)
lock = threading.Lock()
progress = {"done": 0}


def work(number):
    sum(range(number))
    with lock:
        progress["done"] = progress["done"] + int("1")


@app.post("/work/<int:number>")
def start(number):
    executor.submit(work, number)
    return "started", 202


@app.get("/progress")
def show():
    with lock:
        return jsonify(progress)
