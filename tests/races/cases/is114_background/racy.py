"""A background thread throws old sessions out while views walk through them."""

import threading
import time

from flask import Flask, jsonify

app = Flask(__name__)
sessions = {}


def expire():
    while True:
        now = time.time()
        for key, until in list(sessions.items()):
            if until < now:
                sessions.pop(key, None)
        time.sleep(60)


@app.get("/sessions")
def show():
    return jsonify([key for key, until in sessions.items() if until > time.time()])  # IS114


@app.post("/sessions/<key>")
def add(key):
    sessions[key] = time.time() + 300
    return "added"


def main():
    threading.Thread(target=expire, daemon=True).start()
    app.run()


if __name__ == "__main__":
    main()
