"""The best score so far, under a lock."""

# explore: POST /score/7 | POST /score/5
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
best = 0
lock = threading.Lock()


@app.post("/score/<int:score>")
def record(score):
    global best
    with lock:
        best = max(score, best)
        return str(best)
