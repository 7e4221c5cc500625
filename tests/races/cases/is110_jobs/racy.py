"""Is there a job? Then take the first."""

# explore: POST /job | POST /job
# dynamic

from flask import Flask

app = Flask(__name__)
jobs = ["print"]


@app.post("/job")
def take():
    if not jobs:
        return "nothing to do", 404
    job = jobs.pop(0)  # IS110
    return job
