"""Is the name free? Then write the file."""

import os

from flask import Flask, request

app = Flask(__name__)
FOLDER = "uploads"


@app.post("/upload/<name>")
def upload(name):
    path = os.path.join(FOLDER, name)
    if os.path.exists(path):
        return "taken", 409
    with open(path, "wb") as file:  # IS150 any
        file.write(request.get_data())
    return "kept", 201
