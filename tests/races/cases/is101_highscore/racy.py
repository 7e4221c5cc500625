"""The best score so far: read, compared, and written back."""

# explore: POST /score/7 | POST /score/5
# dynamic

from flask import Flask

app = Flask(__name__)
best = 0


@app.post("/score/<int:score>")
def record(score):
    global best
    best = max(score, best)  # IS101
    return str(best)
