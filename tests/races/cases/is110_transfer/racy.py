"""Money moved between two accounts."""

# explore: POST /move/a/b/80 | POST /move/a/c/80
# dynamic

from flask import Flask, jsonify

app = Flask(__name__)
accounts = {"a": {"balance": 100}, "b": {"balance": 0}, "c": {"balance": 0}}


@app.post("/move/<source>/<target>/<int:amount>")
def move(source, target, amount):
    giver, taker = accounts[source], accounts[target]
    if giver["balance"] < amount:
        return "too little", 402
    giver["balance"] -= amount  # IS110 or IS103
    taker["balance"] += amount
    return jsonify(giver)
