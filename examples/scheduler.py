"""A job that runs once, however many workers serve: the one that leads has the scheduler.

gunicorn --workers 4 scheduler:app
"""

import os

from apscheduler.schedulers.background import BackgroundScheduler

from flask import Flask, jsonify
from instep.flask import Instep

app = Flask(__name__)
shared = Instep(app)
leader = shared.leader("scheduler")


class Report:
    """What the job works on. It refuses a worker that led before, was paused, and comes late."""

    def __init__(self):
        self.fence = 0
        self.runs = []

    def write(self, fence, pid):
        if fence >= self.fence:
            self.fence = fence
            self.runs = [*self.runs[-99:], pid]


report = shared.share("report", Report)


def job():
    term = leader.term
    if term is not None:
        report.write(term.fence, os.getpid())


class Jobs:
    """The scheduler of a term; APScheduler's cannot be started again when it was shut down."""

    def start(self):
        self.scheduler = BackgroundScheduler()
        self.scheduler.add_job(job, "interval", seconds=0.5)
        self.scheduler.start()

    def stop(self):
        self.scheduler.shutdown(wait=False)


jobs = Jobs()
leader.campaign(jobs.start, jobs.stop)


@app.get("/")
def home():
    return jsonify(runs=report.runs, fence=report.fence, served_by=os.getpid())
