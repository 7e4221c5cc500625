"""An entry is looked for with `enumerate`, and then changed."""

# explore: POST /seats/7 | POST /seats/7
# dynamic

from flask import Flask, abort

app = Flask(__name__)
seats = [{"row": 6, "free": 3}, {"row": 7, "free": 1}]


@app.post("/seats/<int:row>")
def take(row):
    for _, seat in enumerate(seats):
        if seat["row"] == row and seat["free"] > 0:
            seat["free"] = seat["free"] - 1  # IS110 or IS103
            return str(seat["free"])
    abort(409)
