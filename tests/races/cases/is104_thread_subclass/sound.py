"""A thread of the program's own class hands over its readings under its lock."""

import threading
import time

from flask import Flask

app = Flask(__name__)


class Collector(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.lock = threading.Lock()
        self.readings = []

    def run(self):
        while True:
            with self.lock:
                self.readings.append(time.time())
            time.sleep(1)

    def take(self):
        with self.lock:
            found, self.readings = self.readings, []
        return found


collector = Collector()


@app.post("/take")
def take():
    return ",".join(str(reading) for reading in collector.take())


if __name__ == "__main__":
    collector.start()
    app.run()
