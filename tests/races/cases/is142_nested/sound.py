"""A list inside the session is bound anew: the session notices."""

from flask import Flask, jsonify, request, session

app = Flask(__name__)
app.secret_key = "for development"


@app.post("/cart")
def choose():
    session["cart"] = [request.args["item"]]
    return jsonify(session["cart"])


@app.post("/more")
def more():
    cart = session.setdefault("choices", [])
    cart.append(request.args["item"])
    session.modified = True
    return jsonify(cart)
