"""An item is searched, then removed from the list."""

# explore: DELETE /notes/1 | DELETE /notes/1
# dynamic

from flask import Flask, abort

app = Flask(__name__)
notes = [{"id": 1}, {"id": 2}]


def find(number):
    for note in notes:
        if note["id"] == number:
            return note
    return None


@app.route("/notes/<int:number>", methods=["DELETE"])
def remove(number):
    note = find(number)
    if note is None:
        abort(404)
    notes.remove(note)  # IS110
    return "removed"
