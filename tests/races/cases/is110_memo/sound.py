"""Results kept for the next request: whoever makes one twice makes the same."""

# explore: GET /square/3 | GET /square/3

from flask import Flask

app = Flask(__name__)
SQUARES: dict[int, int] = {}


def square(number):
    if number in SQUARES:
        return SQUARES[number]
    result = number * number
    SQUARES[number] = result
    return result


@app.get("/square/<int:number>")
def show(number):
    return str(square(number))
