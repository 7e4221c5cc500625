"""Made by whoever is first: mode x is one step of the system."""

import os

from flask import Flask, request

app = Flask(__name__)
FOLDER = "uploads"


@app.post("/upload/<name>")
def upload(name):
    try:
        with open(os.path.join(FOLDER, name), "xb") as file:
            file.write(request.get_data())
    except FileExistsError:
        return "taken", 409
    return "kept", 201
