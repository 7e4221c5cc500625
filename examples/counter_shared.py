"""The same counter as a shared object: one for all threads, greenlets and processes.

gunicorn --workers 4 --threads 2 counter_shared:app
"""

from flask import Flask, flash, render_template
from instep.flask import Instep

app = Flask(__name__)
app.secret_key = "dev"
shared = Instep(app)


class SomeObj:
    def __init__(self, param):
        self.param = param

    def query(self):
        self.param += 1
        return self.param


global_obj = shared.share("global_obj", SomeObj, 0)


@app.route("/")
def home():
    flash(global_obj.query())
    return render_template("index.html")
