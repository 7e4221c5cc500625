"""A deck of cards that is shuffled anew when the last is drawn, one player at a time."""

# explore: POST /draw | POST /draw
# dynamic

import threading

from flask import Flask, jsonify

app = Flask(__name__)


class Deck:
    def __init__(self):
        self.cards = ["ace"]

    def draw(self):
        if not len(self.cards):
            self.cards = ["king", "queen"]
        return self.cards.pop()


class Table:
    def __init__(self):
        self.deck = Deck()
        self.turn = threading.Lock()

    def draw(self):
        with self.turn:
            return self.deck.draw()


table = Table()


@app.post("/draw")
def draw():
    return jsonify(card=table.draw())
