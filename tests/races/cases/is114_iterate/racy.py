"""A dictionary is walked through while another request adds to it."""

# explore: GET /online | POST /login/cleo
# dynamic

from flask import Flask

app = Flask(__name__)
online = {"ann": 3, "ben": 5}


def line(name, since):
    return f"{name} {since}"


@app.get("/online")
def show():
    lines = []
    for name, since in online.items():  # IS114
        lines.append(line(name, since))
    return "\n".join(lines)


@app.post("/login/<name>")
def login(name):
    online[name] = 1
    return "hello"
