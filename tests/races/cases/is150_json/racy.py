"""A JSON file is loaded, changed and dumped."""

import json

from flask import Flask, request

app = Flask(__name__)
PATH = "guests.json"


@app.post("/guests")
def add():
    with open(PATH) as file:
        guests = json.load(file)
    guests.append(request.args["name"])
    with open(PATH, "w") as file:
        json.dump(guests, file)  # IS150
    return str(len(guests))
