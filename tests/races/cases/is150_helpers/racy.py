"""A file loaded and saved by helpers, changed in between by a view."""

import json
from pathlib import Path

from flask import Flask, jsonify

app = Flask(__name__)
DATA = Path(__file__).with_name("scores.json")


def load():
    if not DATA.exists():
        return {}
    return json.loads(DATA.read_text())


def save(scores):
    DATA.write_text(json.dumps(scores))  # IS150


@app.post("/win/<name>")
def win(name):
    scores = load()
    scores[name] = scores.get(name, 0) + 1
    save(scores)
    return jsonify(scores)
