"""One SQLite connection for all threads."""

import sqlite3

from flask import Flask, jsonify, request

app = Flask(__name__)
db = sqlite3.connect(":memory:", check_same_thread=False)
db.execute("CREATE TABLE notes (text TEXT)")


@app.post("/notes")
def create():
    db.execute("INSERT INTO notes VALUES (?)", (request.args["text"],))  # IS120
    db.commit()
    return "kept"


@app.get("/notes")
def show():
    return jsonify(db.execute("SELECT text FROM notes").fetchall())
