"""A thread started by the one process that is run as a program."""

import threading
import time

from flask import Flask

app = Flask(__name__)


def send_letters():
    while True:
        time.sleep(3600)
        print("letters sent")


@app.route("/")
def index():
    return "hello"


def main():
    threading.Thread(target=send_letters, daemon=True).start()
    app.run()


if __name__ == "__main__":
    main()
