"""A method inherited from a base class, called through super()."""

# explore: POST /add?item=a | POST /add?item=b
# dynamic

from flask import Flask, request

app = Flask(__name__)


class Shelf:
    def __init__(self):
        self.items = {}

    def add(self, item):
        number = len(self.items) + 1
        self.items[number] = item  # IS110 or IS104
        return number


class Cupboard(Shelf):
    def add(self, item):
        return super().add(item.upper())


cupboard = Cupboard()


@app.post("/add")
def add():
    return str(cupboard.add(request.args["item"]))
