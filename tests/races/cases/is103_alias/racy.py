"""A cache reached through an alias and an argument."""

# explore: POST /like/tea | POST /like/tea
# dynamic

from flask import Flask

app = Flask(__name__)
LIKES = {"tea": 0}


def increase(table, key):
    count = table[key]
    count = int(count) + 1
    table[key] = count  # IS103 or IS101 or IS110
    return count


@app.post("/like/<what>")
def like(what):
    likes = LIKES
    return str(increase(likes, what))
