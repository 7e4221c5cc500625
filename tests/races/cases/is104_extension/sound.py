"""An object that the factory put into app.extensions, with a lock of its own."""

# explore: POST /login | POST /login
# dynamic

import threading

from flask import Blueprint, Flask, current_app

pages = Blueprint("pages", __name__)


class Attempts:
    def __init__(self, app=None):
        self.count = 0
        self.lock = threading.Lock()
        if app is not None:
            self.init_app(app)

    def init_app(self, app):
        app.extensions["attempts"] = self

    def failed(self):
        with self.lock:
            self.count = int(self.count) + 1
            return self.count


@pages.post("/login")
def login():
    return str(current_app.extensions["attempts"].failed())


def create_app():
    app = Flask(__name__)
    Attempts(app)
    app.register_blueprint(pages)
    return app


app = create_app()
