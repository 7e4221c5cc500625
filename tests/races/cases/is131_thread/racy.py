"""A thread started at import: every worker has one, and with preload none runs."""

import threading
import time

from flask import Flask

app = Flask(__name__)


def send_letters():
    while True:
        time.sleep(3600)
        print("letters sent")


worker = threading.Thread(target=send_letters, daemon=True)
worker.start()  # IS131


@app.route("/")
def index():
    return "hello"
