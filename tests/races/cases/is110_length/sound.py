"""An id that is drawn in one step."""

# explore: POST /notes?text=a | POST /notes?text=b

import itertools

from flask import Flask, jsonify, request

app = Flask(__name__)
notes = []
numbers = itertools.count(1)


@app.post("/notes")
def create():
    note = {"id": next(numbers), "text": request.args["text"]}
    notes.append(note)
    return jsonify(note), 201


@app.get("/notes")
def show():
    return jsonify(list(notes))
