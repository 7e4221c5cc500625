"""A copy of the dictionary is walked through."""

# explore: GET /online | POST /login/cleo

from flask import Flask

app = Flask(__name__)
online = {"ann": 3, "ben": 5}


def line(name, since):
    return f"{name} {since}"


@app.get("/online")
def show():
    lines = []
    for name, since in list(online.items()):
        lines.append(line(name, since))
    return "\n".join(lines)


@app.post("/login/<name>")
def login(name):
    online[name] = 1
    return "hello"
