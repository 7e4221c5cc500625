"""A background thread writes a measurement item by item."""

import threading
import time

from flask import Flask, jsonify

app = Flask(__name__)
latest = {"celsius": 0.0, "fahrenheit": 32.0}


def read_sensor():
    return time.time() % 30


def measure():
    while True:
        celsius = read_sensor()
        latest["celsius"] = celsius  # IS115
        latest["fahrenheit"] = celsius * 9 / 5 + 32
        time.sleep(1)


threading.Thread(target=measure, daemon=True).start()  # IS131


@app.get("/")
def index():
    return jsonify(celsius=latest["celsius"], fahrenheit=latest["fahrenheit"])
