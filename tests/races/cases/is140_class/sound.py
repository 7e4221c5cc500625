"""The language of a request, kept on an instance of its own."""

# explore: GET /?lang=de | GET /?lang=fr
# dynamic

from flask import Flask, request

app = Flask(__name__)
HELLO = {"de": "hallo", "fr": "salut"}


class Settings:
    language = "de"


def hello(settings):
    return HELLO[settings.language]


@app.get("/")
def index():
    settings = Settings()
    settings.language = request.args.get("lang", "de")
    return hello(settings)
