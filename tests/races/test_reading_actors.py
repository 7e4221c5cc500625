"""Where actors enter: routes, hooks, threads, jobs, in the spellings of many frameworks."""

from pathlib import Path

import pytest
from reading_helper import FLASK, Case

CASES = [
    Case(
        "thread subclass",
        FLASK
        + """
data = []
class W(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.n = 0
    def run(self):
        while True:
            self.n += 1
            data.append(self.n)
w = W(); w.start()
""",
        "run",
        does=("write data[]", "update w.n"),
    ),
    Case(
        "executor",
        FLASK
        + """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor()
jobs = {}
def work(id):
    jobs[id]['done'] = True
@app.post('/')
def index():
    id = len(jobs)
    jobs[id] = {}
    pool.submit(work, id)
    return ''
""",
        "work",
        does=("read jobs[] id", "write jobs[][] 'done'"),
    ),
    Case(
        "socketio",
        FLASK
        + """
from flask_socketio import SocketIO
socketio = SocketIO(app)
users = {}
@socketio.on('join')
def join(data):
    users[request.sid] = data['n']
""",
        "join",
        does=("write users[] request.sid",),
    ),
    Case(
        "a route that is called, not written above",
        FLASK
        + """
jobs = {}
def add(name):
    jobs[name] = 1
    return ''
app.route('/job/<name>', methods=['POST'])(add)
""",
        "add",
        does=("write jobs[] name",),
    ),
    Case(
        "a route inside of a decorator of the program",
        FLASK
        + """
jobs = {}
def api(rule):
    def decorate(view):
        return app.route('/api' + rule)(view)
    return decorate
@api('/job/<name>')
def add(name):
    jobs[name] = 1
    return ''
""",
        "add",
        does=("write jobs[] name",),
    ),
    Case(
        "a method of the framework that was replaced",
        FLASK
        + """
jobs = {}
plain = app.route
def logged(*given, **named):
    decorate = plain(*given, **named)
    def outer(view):
        return decorate(view)
    return outer
app.route = logged
@app.route('/job/<name>')
def add(name):
    jobs[name] = 1
    return ''
""",
        "add",
        does=("write jobs[] name",),
    ),
    Case(
        "mqtt callback",
        FLASK
        + """
import paho.mqtt.client as mqtt
latest = {}
def on_message(client, userdata, msg):
    latest['t'] = msg.payload
client = mqtt.Client()
client.on_message = on_message
""",
        "on_message",
        does=("write latest[] 't'",),
    ),
    Case(
        "scheduler",
        FLASK
        + """
from apscheduler.schedulers.background import BackgroundScheduler
s = BackgroundScheduler()
n = 0
@s.scheduled_job('interval', seconds=1)
def tick():
    global n
    n += 1
def tock():
    global n
    n -= 1
s.add_job(tock, 'interval', seconds=1)
s.start()
""",
        "tick",
        does=("update n",),
    ),
    Case(
        "class server",
        """
from flask import Flask
import threading
class Server:
    def __init__(self):
        self.app = Flask(__name__)
        self.n = 0
        self.app.add_url_rule('/', 'index', self.index)
        self.setup()
    def setup(self):
        @self.app.route('/two')
        def two():
            self.n += 2
            return ''
        threading.Thread(target=self.loop).start()
    def index(self):
        self.n += 1
        return str(self.n)
    def loop(self):
        self.n = 0
""",
        "index",
        does=("update Server.n", "read Server.n"),
    ),
    Case(
        "class server main",
        """
from flask import Flask
class Server:
    def __init__(self):
        self.app = Flask(__name__)
        self.n = 0
        self.app.add_url_rule('/', 'index', self.index)
    def index(self):
        self.n += 1
        return str(self.n)
if __name__ == '__main__':
    Server().app.run()
""",
        "index",
        does=("update Server.n", "read Server.n"),
    ),
    Case(
        "init_app",
        """
from flask import Flask
class Ext:
    def __init__(self, app=None):
        self.seen = []
        if app is not None: self.init_app(app)
    def init_app(self, app):
        app.extensions['ext'] = self
        app.before_request(self.note)
    def note(self):
        self.seen.append(1)
ext = Ext()
def create_app():
    app = Flask(__name__)
    ext.init_app(app)
    return app
""",
        "note",
        does=("write ext.seen[]",),
    ),
    Case(
        "async",
        FLASK
        + """
n = 0
@app.get('/')
async def index():
    global n
    x = n
    await foo()
    n = x + 1
    return ''
""",
        "index",
        does=("read n", "write n"),
    ),
    Case(
        "bottle",
        """
from bottle import route, run, request
n = 0
@route('/x')
def index():
    global n
    n += 1
    return str(n)
""",
        "index",
        does=("update n",),
    ),
    Case(
        "wsgi class",
        """
class App:
    def __init__(self): self.n = 0
    def __call__(self, environ, start_response):
        self.n += 1
        return []
application = App()
""",
        "__call__",
        does=("update application.n",),
    ),
    Case(
        "falcon",
        """
import falcon
class R:
    def __init__(self): self.d = {}
    def on_post(self, req, resp):
        self.d[req.params['k']] = 1
app = falcon.App()
app.add_route('/x', R())
""",
        "on_post",
        does=("write R.d[] req.params['k']",),
    ),
    Case(
        "http.server",
        """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
n = 0
class H(BaseHTTPRequestHandler):
    hits = 0
    def do_GET(self):
        global n
        n += 1
        H.hits += 1
        self.x = 1
ThreadingHTTPServer(('', 1), H).serve_forever()
""",
        "do_GET",
        does=("update n", "update hits"),
    ),
    Case(
        "view func in loop",
        FLASK
        + """
n = 0
def hello():
    global n
    n += 1
    return ''
for p in ['/a', '/b']:
    app.add_url_rule(p, view_func=hello)
""",
        "hello",
        does=("update n",),
    ),
    Case(
        "timer",
        FLASK
        + """
n = 0
def tick():
    global n
    n += 1
    threading.Timer(1, tick).start()
tick()
""",
        "tick",
        does=("update n",),
    ),
    Case(
        "callback",
        FLASK
        + """
class Bus:
    def __init__(self): self.subs = []
    def on(self, f): self.subs.append(f)
    def emit(self, x):
        for f in self.subs: f(x)
bus = Bus()
n = 0
def handler(x):
    global n
    n += x
bus.on(handler)
@app.get('/')
def index():
    bus.emit(1)
    return ''
""",
        "index",
        does=("iterate bus.subs[]", "update n"),
    ),
    Case(
        "dispatch",
        FLASK
        + """
d = {}
class H:
    def a(self): d['a'] = 1
    def b(self): d['b'] = 1
h = H()
TABLE = {'a': h.a, 'b': h.b}
@app.get('/<k>')
def index(k):
    TABLE[k]()
    return ''
""",
        "index",
        does=("write d[] 'a'", "write d[] 'b'"),
    ),
    Case(
        "namespaces of events, one object each",
        FLASK
        + """
import flask_socketio
socketio = flask_socketio.SocketIO(app)
class Room(flask_socketio.Namespace):
    def __init__(self, name):
        self.name = name
        self.sent = 0
    def on_message(self, data):
        self.sent += 1
for name in app.config['ROOMS']:
    socketio.on_namespace(Room(name))
""",
        "on_message",
        does=("update Room.sent",),
    ),
    Case(
        "namespaces of events that nothing registers",
        """
from socketio.namespace import BaseNamespace
events = []
class Log(BaseNamespace):
    def on_connect(self):
        events.append(1)
""",
        "on_connect",
        does=("write events[]",),
    ),
    Case(
        "before_request",
        FLASK
        + """
n = 0
@app.before_request
def count():
    global n
    n += 1
""",
        "count",
        does=("update n",),
    ),
    Case(
        "restful kwargs",
        """
from flask import Flask
from flask_restful import Api, Resource
app = Flask(__name__); api = Api(app)
class Todo(Resource):
    def __init__(self, store): self.store = store
    def post(self):
        self.store['x'] = 1
api.add_resource(Todo, '/t', resource_class_kwargs={'store': {}})
""",
        "post",
        does=("write dict[] 'x'",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_actor_is_found_and_followed(case: Case, tmp_path: Path) -> None:
    """Whatever starts it, what an actor does is seen."""
    case.check(tmp_path)
