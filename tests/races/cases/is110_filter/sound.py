"""A list is rebuilt without one item, and bound again, under a lock."""

# explore: DELETE /notes/1 | DELETE /notes/2
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
notes = [{"id": 1}, {"id": 2}, {"id": 3}]
lock = threading.Lock()


@app.delete("/notes/<int:number>")
def remove(number):
    global notes
    with lock:
        notes = [note for note in notes if note["id"] != number]
    return "", 204


@app.get("/notes")
def show():
    with lock:
        return {"notes": notes}
