"""A generator of random numbers made at import: with preload, all workers draw the same."""

import random

from flask import Flask

app = Flask(__name__)
dice = random.Random()  # IS130 any


@app.get("/roll")
def roll():
    return str(dice.randint(1, 6))
