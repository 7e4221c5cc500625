"""The blueprint."""

import store
from flask import Blueprint

words = Blueprint("words", __name__)


@words.post("/<word>")
def add(word):
    return str(store.add(word))
