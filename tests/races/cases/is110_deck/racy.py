"""A deck of cards that is shuffled anew when the last is drawn."""

# explore: POST /draw | POST /draw
# dynamic

from flask import Flask, jsonify

app = Flask(__name__)


class Deck:
    def __init__(self):
        self.cards = ["ace"]

    def draw(self):
        if not len(self.cards):
            self.cards = ["king", "queen"]  # IS110 or IS104
        return self.cards.pop()


class Table:
    def __init__(self):
        self.deck = Deck()
        self.names = []


table = Table()


@app.post("/draw")
def draw():
    return jsonify(card=table.deck.draw())
