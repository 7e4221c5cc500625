"""A KeyError decides whether it is the first."""

# explore: GET /count/tea | GET /count/tea
# dynamic

from flask import Flask

app = Flask(__name__)
counts = {}


@app.get("/count/<word>")
def count(word):
    try:
        seen = counts[word]
    except KeyError:
        seen = 0
    counts[word] = seen + 1  # IS110 or IS103
    return str(seen + 1)
