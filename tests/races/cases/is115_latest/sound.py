"""A background thread of the one process that asks for it publishes each measurement whole."""

import threading
import time

from flask import Flask, jsonify

app = Flask(__name__)
latest = (0.0, 32.0)


def read_sensor():
    return time.time() % 30


def measure():
    global latest
    while True:
        celsius = read_sensor()
        latest = (celsius, celsius * 9 / 5 + 32)
        time.sleep(1)


@app.get("/")
def index():
    celsius, fahrenheit = latest
    return jsonify(celsius=celsius, fahrenheit=fahrenheit)


if __name__ == "__main__":
    threading.Thread(target=measure, daemon=True).start()
    app.run()
