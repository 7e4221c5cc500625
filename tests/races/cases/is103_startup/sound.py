"""Tables that are filled at start and only read by requests."""

# explore: GET /tea | GET /cake
# dynamic

import re

from flask import Flask

app = Flask(__name__)
HANDLERS = {}
PATTERNS = []
app.config["MENU"] = {}


def handler(name):
    def register(function):
        HANDLERS[name] = function
        return function

    return register


def prepare():
    for word in ("tea", "cake"):
        if word not in app.config["MENU"]:
            app.config["MENU"][word] = len(app.config["MENU"]) + 1
        PATTERNS.append(re.compile(word))


@handler("tea")
def tea():
    return "a pot"


@handler("cake")
def cake():
    return "a slice"


prepare()


@app.get("/<what>")
def order(what):
    if not any(pattern.match(what) for pattern in PATTERNS):
        return "nothing", 404
    return f"{HANDLERS[what]()} {app.config['MENU'][what]}"
