"""A JSON file is loaded, changed and put in place whole, under a lock of all processes."""

import fcntl
import json
import os

from flask import Flask, request

app = Flask(__name__)
PATH = "guests.json"


@app.post("/guests")
def add():
    with open("guests.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(PATH) as file:
            guests = json.load(file)
        guests.append(request.args["name"])
        with open("guests.new", "w") as file:
            json.dump(guests, file)
        os.replace("guests.new", PATH)
    return str(len(guests))


@app.get("/guests")
def show():
    with open(PATH) as file:
        return str(len(json.load(file)))
