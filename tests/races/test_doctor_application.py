"""The application is found as Flask finds it, and without importing anything."""

from pathlib import Path

import pytest

from instep.errors import Misuse
from instep.races.doctor.application import application
from instep.races.doctor.settings import Deployment

FLASK = "from flask import Flask\n"


def found(
    folder: Path, files: dict[str, str], deployment: Deployment | None = None, **variables: str
) -> str:
    """The target, and its folder if it is not the project's."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    program = application(folder, deployment or Deployment(), variables=variables)
    inside = program.folder.relative_to(folder).as_posix()
    return program.target if inside == "." else f"{program.target} in {inside}"


@pytest.mark.parametrize(
    ("files", "target"),
    [
        ({"app.py": f"{FLASK}app = Flask(__name__)"}, "app:app"),
        ({"shop.py": f"{FLASK}api = Flask(__name__)"}, "shop:api"),
        ({"wsgi.py": "from shop import app", "shop.py": f"{FLASK}app = Flask('a')"}, "wsgi:app"),
        ({"shop/__init__.py": "def create_app(config=None):\n    pass"}, "shop:create_app()"),
        ({"src/shop/__init__.py": "def make_app():\n    pass"}, "shop:make_app() in src"),
        ({"run.py": "from shop import create_app\napp = create_app('dev')"}, "run:app"),
        ({"backend/app.py": f"{FLASK}app = Flask('a')"}, "app:app in backend"),
        ({"shop/__init__.py": "", "shop/app.py": f"{FLASK}app = Flask('a')"}, "shop.app:app"),
        ({"plain.py": "def serve(environ, start_response):\n    return []"}, "plain:serve"),
        ({"users/app.py": f"{FLASK}app = Flask('a')"}, "app:app in users"),
        ({"todo.py": "import bottle\napp = bottle.Bottle()"}, "todo:app"),
        (
            {
                "run.py": "from shop import create_app\nif __name__ == '__main__':\n"
                "    app = create_app()\n",
                "shop/__init__.py": "def create_app():\n    pass",
            },
            "shop:create_app()",
        ),
        ({"a.py": "x = (", "app.py": f"{FLASK}app: Flask = Flask('a')"}, "app:app"),
    ],
    ids="app another wsgi factory src run backend package bare service bottle main broken".split(),
)  # fmt: skip
def test_an_application_is_found(tmp_path: Path, files: dict[str, str], target: str) -> None:
    """Files and names that Flask tries, and then the others."""
    assert found(tmp_path, files) == target


def test_the_deployment_names_it(tmp_path: Path) -> None:
    """What the server is told is stronger than what else is there, with its folder."""
    files = {"app.py": f"{FLASK}app = Flask('a')", "web/serve.py": f"{FLASK}shop = Flask('b')"}
    served = Deployment(target="serve:shop", folder="web", where="Procfile:1")
    assert found(tmp_path, files, served) == "serve:shop in web"


@pytest.mark.parametrize(
    ("folder", "files", "target"),
    [
        ("/app/src", ["src/app.py", "web/app.py", "app.py"], "app:app in src"),
        ("/srv/shop/api", ["shop/api/app.py", "api/app.py"], "app:app in shop/api"),
        ("/app", ["flask/app.py"], "app:app in flask"),
        ("/app", ["docker/app.py", "app.py"], "app:app in docker"),
    ],
    ids="image deeper elsewhere beside".split(),
)
def test_a_folder_of_an_image(tmp_path: Path, folder: str, files: list[str], target: str) -> None:
    """The image has its files elsewhere; here its module is looked for where it may come from."""
    where = "docker/Dockerfile:1" if "docker/app.py" in files else "Dockerfile:1"
    served = Deployment(target="app:app", folder=folder, where=where)
    assert found(tmp_path, dict.fromkeys(files, f"{FLASK}app = Flask('a')"), served) == target


@pytest.mark.parametrize(
    ("variable", "target"),
    [
        ("shop", "shop:create_app()"),
        ("shop:create_app", "shop:create_app()"),
        ("shop:create_app('a/b.py')", "shop:create_app('a/b.py')"),
        ("shop/other.py", "other:app in shop"),
        ("./single.py", "single:app"),
    ],
)
def test_flask_app_names_it(tmp_path: Path, variable: str, target: str) -> None:
    """As Flask reads the variable; and it is stronger than the files that are usual."""
    files = {
        "app.py": f"{FLASK}app = Flask('a')",
        "shop.py": "def create_app(name=''):\n    pass",
        "shop/other.py": f"{FLASK}app = Flask('a')",
        "single.py": f"{FLASK}app = Flask('a')",
    }
    assert found(tmp_path, files, FLASK_APP=variable) == target


def test_what_was_given_must_be_there(tmp_path: Path) -> None:
    """Nothing else is taken in its place."""
    (tmp_path / "app.py").write_text(f"{FLASK}app = Flask('a')")
    assert application(tmp_path, Deployment(), target="app").target == "app:app"
    with pytest.raises(Misuse, match="shop:app: there is no such module in"):
        application(tmp_path, Deployment(), target="shop:app")


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("app = Flask('a')\napp.run()", True),
        ("app = Flask('a')\nif __name__ == '__main__':\n    app.run()", False),
    ],
)
def test_a_program_that_serves_itself_at_import(tmp_path: Path, text: str, blocked: bool) -> None:
    """Nobody comes back from its import, so it is said before anyone tries."""
    (tmp_path / "app.py").write_text(FLASK + text)
    said = application(tmp_path, Deployment()).blocked
    assert said.startswith("app.py:3 starts a server") is blocked


def test_the_deployment_names_it_as_inside_of_an_image(tmp_path: Path) -> None:
    """The image has copied a folder elsewhere; here its module lies deeper."""
    served = Deployment(target="app:app", folder="/srv", where="Dockerfile:1")
    assert found(tmp_path, {"flask/app.py": f"{FLASK}app = 1"}, served) == "app:app in flask"


def test_a_module_without_a_name(tmp_path: Path) -> None:
    """`gunicorn wsgi` and a script: the name is found in the module."""
    served = Deployment(target="wsgi", where="Procfile:1")
    assert (
        found(tmp_path, {"wsgi.py": "from shop import application"}, served) == "wsgi:application"
    )


def test_a_factory_that_needs_arguments(tmp_path: Path) -> None:
    """It is named with what it needs, and how to write it."""
    with pytest.raises(
        Misuse, match=r"shop:create_app needs config, debug: write instep doctor 'shop:c"
    ):
        found(tmp_path, {"shop.py": "def create_app(config, *, debug, name='x'):\n    pass"})


def test_in_vain(tmp_path: Path) -> None:
    """What was tried is said, and nothing was imported."""
    with pytest.raises(Misuse, match=r"tried: app\.py, other\.py"):
        found(tmp_path, {"app.py": "raise SystemExit", "other.py": "app = 3"})
    with pytest.raises(Misuse, match="no Python file is there"):
        application(tmp_path / "nothing", Deployment())
