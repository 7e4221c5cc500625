"""Votes in a collections.Counter, the leader read again for the answer."""

# explore: POST /vote?for=a | POST /vote?for=b
# dynamic

from collections import Counter

from flask import Flask, request

app = Flask(__name__)
votes = Counter()


@app.post("/vote")
def vote():
    choice = request.args["for"]
    votes[choice] += 1  # IS103 or IS101
    return str(sum(votes.values()))
