"""Words counted under the lock of another module, from a blueprint."""

# explore: POST /words/tea | POST /words/tea
# dynamic

from flask import Flask

from views import words

app = Flask(__name__)
app.register_blueprint(words, url_prefix="/words")
