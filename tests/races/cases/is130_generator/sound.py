"""Random numbers from the system, which no fork can copy."""

import secrets

from flask import Flask

app = Flask(__name__)


@app.get("/roll")
def roll():
    return str(secrets.randbelow(6) + 1)
