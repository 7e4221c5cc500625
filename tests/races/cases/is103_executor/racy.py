"""Jobs of an executor count in a dictionary that views read and reset."""

from concurrent.futures import ThreadPoolExecutor

from flask import Flask, jsonify

app = Flask(__name__)
executor = ThreadPoolExecutor(4)
progress = {"done": 0}


def work(number):
    sum(range(number))
    done = progress["done"] + int("1")
    progress["done"] = done  # IS103 or IS101 or IS110


@app.post("/work/<int:number>")
def start(number):
    executor.submit(work, number)
    return "started", 202


@app.get("/progress")
def show():
    return jsonify(progress)
