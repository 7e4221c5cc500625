"""A counter in the session, kept by Flask-Session in files: requests of one user lose updates.

instep prove session_files:app --chdir examples --login /login --fresh
"""

import os
import time

from cachelib.file import FileSystemCache
from flask_session import Session

from flask import Flask, session

app = Flask(__name__)
app.secret_key = "dev"
app.config["SESSION_TYPE"] = "cachelib"
app.config["SESSION_CACHELIB"] = FileSystemCache(os.environ.get("INSTEP_FRESH", "instance/files"))
Session(app)


@app.route("/login")
def login():
    session["clicks"] = 0
    return "welcome"


@app.route("/")
def click():
    clicks = session["clicks"] + 1
    time.sleep(0.001)  # as long as a database would take
    session["clicks"] = clicks
    return f"click {clicks}"
