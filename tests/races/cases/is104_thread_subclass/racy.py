"""A thread of the program's own class changes what a view takes from it."""

import threading
import time

from flask import Flask

app = Flask(__name__)


class Collector(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.readings = []

    def run(self):
        while True:
            self.readings.append(time.time())
            time.sleep(1)


collector = Collector()


@app.post("/take")
def take():
    found = ",".join(str(reading) for reading in collector.readings)
    collector.readings = []  # IS104 or IS102 or IS110
    return found


if __name__ == "__main__":
    collector.start()
    app.run()
