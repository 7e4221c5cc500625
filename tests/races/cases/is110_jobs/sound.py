"""Take the first job, and see whether there was one."""

# explore: POST /job | POST /job

from flask import Flask

app = Flask(__name__)
jobs = ["print"]


@app.post("/job")
def take():
    try:
        job = jobs.pop(0)
    except IndexError:
        return "nothing to do", 404
    return job
