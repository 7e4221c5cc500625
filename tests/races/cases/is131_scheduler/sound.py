"""Letters sent by a command that the system's cron calls."""

from flask import Flask


def send_letters():
    print("letters sent")


def create_app():
    app = Flask(__name__)

    @app.cli.command("send-letters")
    def send():
        send_letters()

    @app.route("/")
    def index():
        return "hello"

    return app


app = create_app()
