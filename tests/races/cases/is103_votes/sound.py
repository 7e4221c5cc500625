"""Votes in a collections.Counter, counted and summed in one hold."""

# explore: POST /vote?for=a | POST /vote?for=b
# dynamic

import threading
from collections import Counter

from flask import Flask, request

app = Flask(__name__)
votes = Counter()
lock = threading.Lock()


@app.post("/vote")
def vote():
    choice = request.args["for"]
    with lock:
        votes[choice] += 1
        return str(sum(votes.values()))
