"""A scheduler started by the factory: every worker sends every letter."""

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask


def send_letters():
    print("letters sent")


def create_app():
    app = Flask(__name__)
    scheduler = BackgroundScheduler(daemon=True)
    scheduler.add_job(send_letters, "interval", hours=24)
    scheduler.start()  # IS131

    @app.route("/")
    def index():
        return "hello"

    return app


app = create_app()
