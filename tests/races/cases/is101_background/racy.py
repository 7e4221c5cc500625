"""A background thread adds what a view takes away."""

import threading
import time

from flask import Flask

app = Flask(__name__)
credit = 0


def refill():
    global credit
    while True:
        credit = credit + int("1")  # IS101
        time.sleep(1)


@app.post("/spend")
def spend():
    global credit
    credit = credit - int("1")  # IS101
    return "spent"


if __name__ == "__main__":
    threading.Thread(target=refill, daemon=True).start()
    app.run(threaded=True)
