"""The length of a list as the next id."""

# explore: POST /notes?text=a | POST /notes?text=b
# dynamic

from flask import Flask, jsonify, request

app = Flask(__name__)
notes = []


@app.post("/notes")
def create():
    note = {"id": len(notes) + 1, "text": request.args["text"]}
    notes.append(note)  # IS110
    return jsonify(note), 201


@app.get("/notes")
def show():
    return jsonify(notes)
