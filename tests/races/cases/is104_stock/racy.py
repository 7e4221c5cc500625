"""A module-level object with a method that takes from the stock."""

# explore: POST /buy | POST /buy
# dynamic

from flask import Flask

app = Flask(__name__)


class Stock:
    def __init__(self, count):
        self.count = count

    def take(self):
        if self.count < 1:
            return False
        self.count -= 1  # IS104 or IS110
        return True


stock = Stock(1)


@app.post("/buy")
def buy():
    return "sold" if stock.take() else "sold out"
