"""A cursor kept on a shared object."""

import sqlite3

from flask import Flask, jsonify

app = Flask(__name__)


class Database:
    def __init__(self, path):
        self.connection = sqlite3.connect(path, check_same_thread=False)
        self.cursor = self.connection.cursor()

    def query(self, text):
        self.cursor.execute(text)  # IS120
        return self.cursor.fetchall()


database = Database(":memory:")


@app.get("/one")
def one():
    return jsonify(database.query("SELECT 1"))


@app.get("/two")
def two():
    return jsonify(database.query("SELECT 2"))
