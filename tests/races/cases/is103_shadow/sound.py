"""Locals that have the names of globals, and comprehensions that have their own."""

# explore: GET /?n=1 | GET /?n=2
# dynamic

from flask import Flask, request

app = Flask(__name__)
items = {"tea": 2}
total = 0


def collect(items):
    items["extra"] = items.get("extra", 0) + 1
    return items


@app.route("/")
def index():
    total = 0
    for item in [items for items in ({"a": 1}, {"b": 2})]:
        total += sum(item.values())
    total = total + int(request.args["n"])
    found = collect({"n": total})
    if (items_here := len(found)) > 1:
        total += items_here
    return str(total)
