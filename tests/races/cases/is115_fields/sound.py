"""Two fields in one tuple, bound once and read once."""

# explore: POST /move/7 | GET /where

from flask import Flask

app = Flask(__name__)


class Robot:
    def __init__(self):
        self.place = (0, 0)

    def move(self, to):
        self.place = (to, to)


robot = Robot()


@app.post("/move/<int:to>")
def move(to):
    robot.move(to)
    return "moved"


@app.get("/where")
def where():
    x, y = robot.place
    return f"{x}, {y}"
