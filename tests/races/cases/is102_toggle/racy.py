"""A switch that is turned over by each request."""

# explore: POST /toggle | POST /toggle
# dynamic

from flask import Flask

app = Flask(__name__)
enabled = False


@app.post("/toggle")
def toggle():
    global enabled
    enabled = not enabled  # IS101 or IS102
    return "on" if enabled else "off"
