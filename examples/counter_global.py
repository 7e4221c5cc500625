"""A counter in a plain module global: every worker process has its own.

gunicorn --workers 4 --threads 2 counter_global:app
"""

from flask import Flask, flash, render_template

app = Flask(__name__)
app.secret_key = "dev"


class SomeObj:
    def __init__(self, param):
        self.param = param

    def query(self):
        self.param += 1
        return self.param


global_obj = SomeObj(0)


@app.route("/")
def home():
    flash(global_obj.query())
    return render_template("index.html")
