"""Rooms kept by name, with seats that are objects inside objects."""

# explore: POST /join/blue/ann | POST /join/blue/ben
# dynamic

from dataclasses import dataclass, field

from flask import Flask

app = Flask(__name__)


@dataclass
class Seat:
    who: str = ""


@dataclass
class Room:
    seat: Seat = field(default_factory=Seat)

    def is_full(self):
        return self.seat.who != ""

    def join(self, who):
        if self.is_full():
            return False
        self.seat.who = who  # IS110 or IS104 or IS103
        return True


rooms: dict[str, Room] = {"blue": Room()}


@app.post("/rooms/<name>")
def make(name):
    rooms[name] = Room()
    return name


@app.post("/join/<name>/<who>")
def join(name, who):
    room = rooms.get(name)
    if room is None:
        return "no such room", 404
    if room.join(who):
        return f"{who} is in"
    return "full", 409
