"""One SQLite connection for each request."""

import sqlite3

from flask import Flask, g, jsonify, request

app = Flask(__name__)


def get_db():
    if "db" not in g:
        g.db = sqlite3.connect("notes.db")
        g.db.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
    return g.db


@app.teardown_appcontext
def close_db(error):
    db = g.pop("db", None)
    if db is not None:
        db.close()


@app.post("/notes")
def create():
    db = get_db()
    db.execute("INSERT INTO notes VALUES (?)", (request.args["text"],))
    db.commit()
    return "kept"


@app.get("/notes")
def show():
    return jsonify(get_db().execute("SELECT text FROM notes").fetchall())
