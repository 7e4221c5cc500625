"""A list is rebuilt without one item, and bound again."""

# explore: DELETE /notes/1 | DELETE /notes/2
# dynamic

from flask import Flask

app = Flask(__name__)
notes = [{"id": 1}, {"id": 2}, {"id": 3}]


@app.delete("/notes/<int:number>")
def remove(number):
    global notes
    notes = [note for note in notes if note["id"] != number]  # IS101 or IS102 or IS110 or IS103
    return "", 204


@app.get("/notes")
def show():
    return {"notes": notes}
