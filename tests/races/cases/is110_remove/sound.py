"""An item is searched and removed in one hold."""

# explore: DELETE /notes/1 | DELETE /notes/1
# dynamic

import threading

from flask import Flask, abort

app = Flask(__name__)
notes = [{"id": 1}, {"id": 2}]
lock = threading.Lock()


def find(number):
    for note in notes:
        if note["id"] == number:
            return note
    return None


@app.route("/notes/<int:number>", methods=["DELETE"])
def remove(number):
    with lock:
        note = find(number)
        if note is None:
            abort(404)
        notes.remove(note)
    return "removed"
