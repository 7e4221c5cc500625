"""A counter in the session, kept by instep: requests of one user lose nothing.

instep prove session_shared:app --chdir examples --login /login --fresh
"""

import time

from flask import Flask, session
from instep.flask import Instep
from instep.integrations.session import Sessions

app = Flask(__name__)
app.secret_key = "dev"
shared = Instep(app)
Sessions(app)


@app.route("/login")
def login():
    session["clicks"] = 0
    return "welcome"


@app.route("/")
def click():
    with session.transaction():
        clicks = session["clicks"] + 1
        time.sleep(0.001)  # as long as a database would take
        session["clicks"] = clicks
    return f"click {clicks}"
