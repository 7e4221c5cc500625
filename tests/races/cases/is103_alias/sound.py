"""The same helper, given a table of the request's own."""

# explore: POST /like/tea | POST /like/tea
# dynamic

from flask import Flask

app = Flask(__name__)
LIKES = {"tea": 0}


def increase(table, key):
    count = table[key]
    count = int(count) + 1
    table[key] = count
    return count


@app.post("/like/<what>")
def like(what):
    likes = dict(LIKES)
    return str(increase(likes, what))
