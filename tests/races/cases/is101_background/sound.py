"""A background thread adds what a view takes away, one at a time."""

import threading
import time

from flask import Flask

app = Flask(__name__)
credit = 0
lock = threading.Lock()


def refill():
    global credit
    while True:
        with lock:
            credit = credit + int("1")
        time.sleep(1)


@app.post("/spend")
def spend():
    global credit
    with lock:
        credit = credit - int("1")
    return "spent"


if __name__ == "__main__":
    threading.Thread(target=refill, daemon=True).start()
    app.run(threaded=True)
