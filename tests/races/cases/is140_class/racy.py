"""The language of a request, kept on a class."""

# explore: GET /?lang=de | GET /?lang=fr
# dynamic

from flask import Flask, request

app = Flask(__name__)
HELLO = {"de": "hallo", "fr": "salut"}


class Settings:
    language = "de"


def hello():
    return HELLO[Settings.language]


@app.get("/")
def index():
    Settings.language = request.args.get("lang", "de")  # IS140 or IS105
    return hello()
