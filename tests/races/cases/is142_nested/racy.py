"""A list inside the session is changed: the session does not notice."""

from flask import Flask, jsonify, request, session

app = Flask(__name__)
app.secret_key = "for development"


@app.post("/cart")
def add():
    if "cart" not in session:
        session["cart"] = []
    session["cart"].append(request.args["item"])  # IS142
    return jsonify(session["cart"])
