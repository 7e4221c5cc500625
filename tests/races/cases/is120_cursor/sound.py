"""A connection and a cursor for each call, on a shared object that keeps only the path."""

import contextlib
import sqlite3

from flask import Flask, jsonify

app = Flask(__name__)


class Database:
    def __init__(self, path):
        self.path = path

    def query(self, text):
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(text).fetchall()


database = Database(":memory:")


@app.get("/one")
def one():
    return jsonify(database.query("SELECT 1"))


@app.get("/two")
def two():
    return jsonify(database.query("SELECT 2"))
