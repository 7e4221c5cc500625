"""Money moved between two accounts, whole transfers at a time."""

# explore: POST /move/a/b/80 | POST /move/a/c/80
# dynamic

import threading

from flask import Flask, jsonify

app = Flask(__name__)
accounts = {"a": {"balance": 100}, "b": {"balance": 0}, "c": {"balance": 0}}
lock = threading.Lock()


@app.post("/move/<source>/<target>/<int:amount>")
def move(source, target, amount):
    with lock:
        giver, taker = accounts[source], accounts[target]
        if giver["balance"] < amount:
            return "too little", 402
        giver["balance"] -= amount
        taker["balance"] += amount
        return jsonify(giver)
