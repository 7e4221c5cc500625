"""Rooms kept by name, each with a lock of its own for its seat."""

# explore: POST /join/blue/ann | POST /join/blue/ben
# dynamic

import threading
from dataclasses import dataclass, field

from flask import Flask

app = Flask(__name__)


@dataclass
class Seat:
    who: str = ""


@dataclass
class Room:
    seat: Seat = field(default_factory=Seat)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_full(self):
        return self.seat.who != ""

    def join(self, who):
        with self.lock:
            if self.is_full():
                return False
            self.seat.who = who
            return True


rooms: dict[str, Room] = {"blue": Room()}


@app.post("/join/<name>/<who>")
def join(name, who):
    room = rooms.get(name)
    if room is None:
        return "no such room", 404
    if room.join(who):
        return f"{who} is in"
    return "full", 409
