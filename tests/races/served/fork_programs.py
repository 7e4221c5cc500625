"""What a program can make before its server forks, in the wrong place and in the right way."""

import os
import random
import socket
import sqlite3
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from flask import Flask

ROLE = os.environ.get("FORK_PROGRAM")


def answering():
    """An application that has a number to answer with."""
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: f"{os.getpid()}")
    return app


def forever():
    time.sleep(3600)  # and never run: uWSGI forks without asking who has the interpreter's lock


def holding():
    with lock, condition:
        forever()


class Client:
    def __init__(self, address):
        self.connection = socket.create_connection(address)


class Ticker(threading.Thread):
    def run(self):
        forever()


if ROLE == "early":
    app = answering()
    folder = tempfile.mkdtemp()
    peer = socket.create_server(("127.0.0.1", 0))
    clients = {"bank": Client(peer.getsockname())}
    Client.spare = socket.create_connection(peer.getsockname())
    database = sqlite3.connect(f"{folder}/shop.db", check_same_thread=False)
    database.execute("CREATE TABLE items (name TEXT)")
    journal = open(f"{folder}/journal.txt", "w")  # noqa: SIM115
    dice = random.Random()
    app.extensions["dice"] = random.Random(7)
    lock, condition = threading.Lock(), threading.Condition()
    holder = threading.Thread(target=holding, daemon=True)
    holder.start()
    Ticker(daemon=True).start()
    pool = ThreadPoolExecutor()
    pool.submit(int)
    while not lock.locked():
        time.sleep(0.001)

if ROLE == "sound":
    from instep import Space

    app = answering()
    folder = tempfile.mkdtemp()
    peer = socket.create_server(("127.0.0.1", 0))
    client = Client(peer.getsockname())
    journal = open(f"{folder}/journal.txt", "a")  # noqa: SIM115
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    memory.execute("CREATE TABLE items (name TEXT)")
    dice, numbers = random.SystemRandom(), random.Random()
    free, ended = threading.Lock(), threading.Thread(target=int)
    ended.start()
    ended.join()
    pool = ThreadPoolExecutor()
    ticker = Ticker(daemon=True)
    ticker.start()
    pair = socket.socketpair()
    space = Space(f"lmdb:{folder}/store")
    space.counter("visits").increment()
    kept = space.resource(lambda: Client(peer.getsockname()), scope="process")
    kept()

    def renew():
        global client, ticker
        client.connection.close()
        client = Client(peer.getsockname())
        numbers.seed()
        ticker = Ticker(daemon=True)
        ticker.start()

    os.register_at_fork(after_in_child=renew)


class Touched(Exception):
    pass


class Bomb:
    """Whoever asks it anything is told."""

    asked = []  # noqa: RUF012

    def _told(self, *_):
        Bomb.asked.append("asked")
        raise Touched

    __class__ = property(_told)
    __dict__ = property(_told)
    __getattr__ = __getattribute__ = __eq__ = __hash__ = __repr__ = __str__ = _told
    __len__ = __bool__ = __iter__ = __instancecheck__ = __fspath__ = __index__ = _told
    fileno = _told


class Loud(type):
    def __getattribute__(cls, name):
        Bomb.asked.append(name)
        return super().__getattribute__(name)


if ROLE == "touchy":
    app = Flask(__name__)
    bomb = Bomb()
    bombs = {"one": [Bomb()], ("a", "key"): (Bomb(),)}

    class Quiet(metaclass=Loud):
        __slots__ = ("kept", "never")

        def __init__(self):
            self.kept = Bomb()

    quiet = Quiet()
    del Bomb.asked[:]
    app.add_url_rule("/", view_func=lambda: f"{len(Bomb.asked)} {Bomb.asked}")
