"""One SQLite connection for all threads, used under a lock."""

import sqlite3
import threading

from flask import Flask, jsonify

app = Flask(__name__)
lock = threading.Lock()
db = sqlite3.connect(":memory:", check_same_thread=False)


@app.get("/one")
def one():
    with lock:
        return jsonify(db.execute("SELECT 1").fetchall())


@app.get("/two")
def two():
    with lock:
        return jsonify(db.execute("SELECT 2").fetchall())
