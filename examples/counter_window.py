"""The plain global again, with a call between read and write: threads of one worker collide too.

gunicorn --workers 1 --threads 4 counter_window:app
"""

import time

from flask import Flask, flash, render_template

app = Flask(__name__)
app.secret_key = "dev"


class SomeObj:
    def __init__(self, param):
        self.param = param

    def query(self):
        seen = self.param
        look_up()
        self.param = seen + 1
        return self.param


def look_up():
    """Stands for a query to a database, a line in a log file, a call of another service."""
    time.sleep(0.001)


global_obj = SomeObj(0)


@app.route("/")
def home():
    flash(global_obj.query())
    return render_template("index.html")
