"""Routes below blueprints, namespaces and APIs are what a client asks for."""

from pathlib import Path

import pytest
from reading_helper import FLASK, program

HITS = "hits = []\n"
VIEW = "def index():\n    hits.append(1)\n    return ''\n"
CASES = {
    "made with a prefix": (
        FLASK + HITS + "bp = Blueprint('b', __name__, url_prefix='/b')\n"
        "@bp.get('/x')\n" + VIEW + "app.register_blueprint(bp)\n",
        ("GET /b/x",),
    ),
    "registered with another prefix": (
        FLASK + HITS + "bp = Blueprint('b', __name__, url_prefix='/b')\n"
        "@bp.route('/x', methods=['POST'])\n"
        + VIEW
        + "def create_app():\n    app = Flask('a')\n"
        + "    app.register_blueprint(bp, url_prefix='/c/')\n    return app\n"
        + "application = create_app()\n",
        ("POST /c/x",),
    ),
    "a blueprint in a blueprint, twice": (
        FLASK + HITS + "bp = Blueprint('b', __name__)\nouter = Blueprint('o', __name__)\n"
        "@bp.get('')\n" + VIEW + "outer.register_blueprint(bp, url_prefix='/in')\n"
        "app.register_blueprint(outer, url_prefix='/v1')\n"
        "app.register_blueprint(outer, url_prefix='/v2', name='two')\n",
        ("GET /v1/in", "GET /v2/in"),
    ),
    "never registered": (
        FLASK + HITS + "bp = Blueprint('b', __name__)\n@bp.get('/x')\n" + VIEW,
        ("GET /x",),
    ),
    "a resource of an API on a blueprint": (
        FLASK + HITS + "from flask_restful import Api, Resource\n"
        "bp = Blueprint('b', __name__, url_prefix='/b')\napi = Api(bp, prefix='/api')\n"
        "class Things(Resource):\n    def index(self): pass\n"
        "    def get(self):\n        hits.append(1)\n"
        "api.add_resource(Things, '/things')\napp.register_blueprint(bp)\n",
        ("GET /b/api/things",),
    ),
    "a namespace of flask-restx": (
        FLASK + HITS + "from flask_restx import Api, Namespace, Resource\n"
        "ns = Namespace('todos')\napi = Api(app)\napi.add_namespace(ns)\n"
        "@ns.route('/<int:id>')\nclass Todo(Resource):\n"
        "    def get(self, id):\n        hits.append(id)\n",
        ("GET /todos/<int:id>",),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_route_has_the_prefix_of_its_blueprint(name: str, tmp_path: Path) -> None:
    """What a finding says reaches it can be asked for as it stands."""
    source, routes = CASES[name]
    found = [actor.routes for actor in program(tmp_path, source).actors if actor.trace]
    assert found == [routes]
