"""A file that is only read by requests; a command writes it."""

import json
from pathlib import Path

from flask import Flask, jsonify

app = Flask(__name__)
DATA = Path(__file__).with_name("scores.json")


def load():
    if not DATA.exists():
        return {}
    return json.loads(DATA.read_text())


@app.cli.command("reset")
def reset():
    DATA.write_text(json.dumps({}))


@app.get("/scores")
def scores():
    return jsonify(load())
