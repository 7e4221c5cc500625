"""Two fields of a shared object that belong together."""

# explore: POST /move/7 | GET /where

from flask import Flask

app = Flask(__name__)


class Robot:
    def __init__(self):
        self.x = 0
        self.y = 0

    def move(self, to):
        self.x = to  # IS115
        self.y = to


robot = Robot()


@app.post("/move/<int:to>")
def move(to):
    robot.move(to)
    return "moved"


@app.get("/where")
def where():
    return f"{robot.x}, {robot.y}"
