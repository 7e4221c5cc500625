"""A CLI command changes a table: a process of its own, not a request."""

import click
from flask import Flask

app = Flask(__name__)
TABLE = {}


@app.cli.command("fill")
@click.argument("name")
def fill(name):
    if name not in TABLE:
        TABLE[name] = len(TABLE) + 1


@app.get("/")
def index():
    return str(len(TABLE))
