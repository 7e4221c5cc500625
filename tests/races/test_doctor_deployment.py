"""How a program is served is read from the project's own files, and never run."""

from pathlib import Path

import pytest

from instep.races.doctor.deployment import deployment
from instep.races.doctor.settings import UNBOUNDED, Deployment

Files = dict[str, str]


def read(folder: Path, files: Files, cores: int = 2) -> Deployment:
    """The deployment of a project with these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return deployment(folder, cores=cores)


CASES: dict[str, tuple[Files, str]] = {
    "procfile": (
        {"Procfile": "release: flask db upgrade\nweb: gunicorn -w 4 --threads 2 app:app\n"},
        "gunicorn, 4 workers x 2 threads",
    ),
    "short options without a space": (
        {"Procfile": "web: gunicorn -w4 -kgthread --threads=8 app:app"},
        "gunicorn, 4 workers x 8 threads",
    ),
    "gevent": (
        {"Procfile": "web: gunicorn -k gevent -w 1 app:app"},
        "gunicorn, 1 worker x as many greenlets as requests come",
    ),
    "a worker class of a library": (
        {"Procfile": "web: gunicorn -k geventwebsocket.gunicorn.workers.GeventWebSocketWorker m:a"},
        "gunicorn, 1 worker x as many greenlets as requests come",
    ),
    "preload": (
        {"Procfile": "web: gunicorn --preload --workers 3 app:app"},
        "gunicorn, 3 workers x 1 thread, imported before the fork",
    ),
    "a configuration beside it": (
        {
            "Procfile": "web: gunicorn app:app",
            "gunicorn.conf.py": "import multiprocessing\n"
            "workers = multiprocessing.cpu_count() * 2 + 1\nthreads = 4\npreload_app = True\n",
        },
        "gunicorn, 5 workers x 4 threads, imported before the fork",
    ),
    "the command line is stronger": (
        {"Procfile": "web: gunicorn -w 2 app:app", "gunicorn.conf.py": "workers = 9\nthreads = 3"},
        "gunicorn, 2 workers x 3 threads",
    ),
    "a configuration that is named": (
        {
            "Procfile": "web: gunicorn -c deploy/gunicorn.py app:app",
            "deploy/gunicorn.py": "workers: int = 6\n",
        },
        "gunicorn, 6 workers x 1 thread",
    ),
    "a configuration as a module": (
        {
            "Procfile": "web: gunicorn -c python:conf.web app:app",
            "conf/web.py": "workers, threads = 3, 2",
        },
        "gunicorn, 3 workers x 2 threads",
    ),
    "only a configuration": (
        {"gunicorn.conf.py": "workers = int(os.environ.get('WEB_CONCURRENCY', 4))"},
        "gunicorn, 4 workers x 1 thread",
    ),
    "a configuration with a branch": (
        {
            "gunicorn.conf.py": "import os\nif os.getenv('STAGE', 'live') == 'live':\n"
            "    workers = 8\nelse:\n    workers = 1\n"
        },
        "gunicorn, 8 workers x 1 thread",
    ),
    "a bounded number of workers": (
        {"gunicorn.conf.py": "cores = os.cpu_count() or 1\nworkers = min(cores * 2 + 1, 4)"},
        "gunicorn, 4 workers x 1 thread",
    ),
    "exec form": (
        {
            "Dockerfile": "FROM python:3.12\nENV PORT=80\n"
            'CMD ["gunicorn", "--workers", "3", "--threads", "2", "app:app"]\n'
        },
        "gunicorn, 3 workers x 2 threads",
    ),
    "shell form with a default": (
        {
            "Dockerfile": "FROM python\nCMD exec gunicorn --bind :$PORT \\\n"
            "    --workers ${WORKERS:-2} --threads 8 main:app\n"
        },
        "gunicorn, 2 workers x 8 threads",
    ),
    "an image's variable": (
        {"Dockerfile": "FROM a\nENV WEB_CONCURRENCY=7 A=b\nCMD gunicorn app:app"},
        "gunicorn, 7 workers x 1 thread",
    ),
    "GUNICORN_CMD_ARGS": (
        {"Dockerfile": 'FROM a\nENV GUNICORN_CMD_ARGS="--workers 5 -k gthread"\nCMD gunicorn a:a'},
        "gunicorn, 5 workers x 1 thread",
    ),
    "an entry point and its words": (
        {"Dockerfile": 'FROM a\nENTRYPOINT ["gunicorn"]\nCMD ["-w", "3", "app:app"]'},
        "gunicorn, 3 workers x 1 thread",
    ),
    "only the last stage counts": (
        {"Dockerfile": "FROM a AS b\nCMD gunicorn -w 9 a:a\nFROM b\nCMD gunicorn -w 2 a:a"},
        "gunicorn, 2 workers x 1 thread",
    ),
    "a shell inside": (
        {"Dockerfile": 'FROM a\nCMD ["sh", "-c", "flask db upgrade && gunicorn -w 3 app:app"]'},
        "gunicorn, 3 workers x 1 thread",
    ),
    "a script that the image starts": (
        {
            "Dockerfile": 'FROM a\nCOPY docker/start.sh /start.sh\nCMD ["/start.sh"]',
            "docker/start.sh": "#!/bin/sh\nset -e\nWORKERS=6\npip install gunicorn\n"
            "exec gunicorn -w $WORKERS app:app\n",
        },
        "gunicorn, 6 workers x 1 thread",
    ),
    "the number of processors in a script": (
        {"start.sh": "#!/bin/bash\ngunicorn -w $((2 * $(nproc) + 1)) app:app\n"},
        "gunicorn, 5 workers x 1 thread",
    ),
    "compose": (
        {
            "docker-compose.yml": "services:\n  web:\n    build: .\n"
            "    command: gunicorn -w 4 app:app  # live\n    ports:\n      - '80:80'\n"
            "  db:\n    image: postgres\n"
        },
        "gunicorn, 4 workers x 1 thread",
    ),
    "compose with a list and replicas": (
        {
            "compose.yaml": "services:\n  web:\n    image: shop\n    command:\n      - gunicorn\n"
            "      - --workers=2\n      - app:app\n    deploy:\n      replicas: 3\n"
        },
        "gunicorn, 2 workers x 1 thread, 3 replicas of it",
    ),
    "compose that leaves the command to the image": (
        {
            "docker-compose.yml": "services:\n  web:\n    build: .\n    scale: 2\n"
            "    environment:\n      WEB_CONCURRENCY: '3'\n",
            "Dockerfile": "FROM a\nENV WEB_CONCURRENCY=1\nCMD gunicorn app:app\n",
        },
        "gunicorn, 3 workers x 1 thread, 2 replicas of it",
    ),
    "compose with a block": (
        {
            "docker-compose.yml": "services:\n  web:\n    command: >\n      gunicorn\n"
            "      --workers 4\n      app:app\n"
        },
        "gunicorn, 4 workers x 1 thread",
    ),
    "systemd": (
        {
            "deploy/shop.service": "[Service]\nEnvironment=A=b\nWorkingDirectory=/srv/shop\n"
            "ExecStart=/srv/shop/.venv/bin/gunicorn --workers 3 \\\n  --threads 4 wsgi:app\n"
        },
        "gunicorn, 3 workers x 4 threads",
    ),
    "supervisor": (
        {
            "supervisord.conf": "[supervisord]\nnodaemon=true\n[program:web]\nnumprocs=2\n"
            "command=/usr/bin/gunicorn -w 2 app:app\n"
        },
        "gunicorn, 2 workers x 1 thread, 2 replicas of it",
    ),
    "fly": (
        {
            "fly.toml": 'app = "shop"\n[env]\nWORKERS = "2"\n[processes]\n'
            'web = "gunicorn -w $WORKERS app:app"\n'
        },
        "gunicorn, 2 workers x 1 thread",
    ),
    "render": (
        {
            "render.yaml": "services:\n  - type: web\n    name: shop\n    numInstances: 2\n"
            "    startCommand: gunicorn app:app --workers 4\n"
        },
        "gunicorn, 4 workers x 1 thread, 2 replicas of it",
    ),
    "app engine": (
        {"app.yaml": "runtime: python312\nentrypoint: gunicorn -b :$PORT -w 2 main:app\n"},
        "gunicorn, 2 workers x 1 thread",
    ),
    "kubernetes": (
        {
            "k8s/deployment.yaml": "kind: Deployment\nspec:\n  replicas: 3\n  template:\n"
            "    spec:\n      containers:\n        - name: web\n          image: shop\n"
            '          command: ["gunicorn"]\n          args: ["-w", "2", "app:app"]\n'
        },
        "gunicorn, 2 workers x 1 thread, 3 replicas of it",
    ),
    "heroku": (
        {"heroku.yml": "run:\n  web: gunicorn -w 3 a:a\n"},
        "gunicorn, 3 workers x 1 thread",
    ),
    "waitress": (
        {"Procfile": "web: waitress-serve --threads=6 --call shop:create_app"},
        "waitress, 1 worker x 6 threads",
    ),
    "waitress in the program": (
        {"Procfile": "web: python run.py", "run.py": "from waitress import serve\nserve(app)"},
        "waitress, 1 worker x 4 threads",
    ),
    "uwsgi's command line": (
        {"Procfile": "web: uwsgi --http :80 --master -p 4 --threads 2 --module wsgi:app"},
        "uwsgi, 4 workers x 2 threads, imported before the fork",
    ),
    "uwsgi's ini": (
        {
            "Dockerfile": 'FROM a\nCMD ["uwsgi", "--ini", "/app/uwsgi.ini"]',
            "uwsgi.ini": "[uwsgi]\nmodule = wsgi\ncallable = app\nprocesses = %k\n"
            "threads = 2\nlazy-apps = true\n; threads = 9\n",
        },
        "uwsgi, 2 workers x 2 threads",
    ),
    "uwsgi with gevent": (
        {"uwsgi.ini": "[uwsgi]\nprocesses = 2\ngevent = 100\nlazy = 1\n"},
        "uwsgi, 2 workers x 100 greenlets",
    ),
    "a tool before the server": (
        {"Procfile": "web: newrelic-admin run-program poetry run gunicorn -w 2 app:app"},
        "gunicorn, 2 workers x 1 thread",
    ),
    "Flask's own, by its script": (
        {"Procfile": "web: python app.py", "app.py": "app.run(debug=True)"},
        "Flask's own server, 1 worker x as many threads as requests come",
    ),
    "Flask's own, in an image": (
        {"Dockerfile": 'FROM a\nCMD ["flask", "--app", "shop", "run", "--host=0.0.0.0"]'},
        "Flask's own server, 1 worker x as many threads as requests come",
    ),
    "python -m": (
        {"Procfile": "web: python -m gunicorn -w 2 app:app"},
        "gunicorn, 2 workers x 1 thread",
    ),
    "a dot env": (
        {".env": "WEB_CONCURRENCY=3\nSECRET_KEY=x\n", "Procfile": "web: gunicorn app:app"},
        "gunicorn, 3 workers x 1 thread",
    ),
    "a real server before one's own": (
        {"docker-compose.yml": "services:\n  web:\n    command: flask run\n", "uwsgi.ini":
         "[uwsgi]\nworkers=2\nlazy-apps=true"},
        "uwsgi, 2 workers x 1 thread",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_files_say_how_a_program_is_served(tmp_path: Path, case: str) -> None:
    """Each kind of file, in the forms in which people write it."""
    files, said = CASES[case]
    found = read(tmp_path, files)
    assert str(found) == said
    assert not found.assumed


def test_the_place_is_named(tmp_path: Path) -> None:
    """Both the command and the configuration that it uses are given with their lines."""
    found = read(
        tmp_path,
        {"Procfile": "# x\nweb: gunicorn app:app", "gunicorn.conf.py": "\nworkers = 3\n"},
    )
    assert found.where == "Procfile:2, gunicorn.conf.py:2"
    assert found.target == "app:app"


def test_a_place_inside_of_an_image(tmp_path: Path) -> None:
    """A configuration is found by its name, wherever the image puts it."""
    files = {
        "Dockerfile": "FROM a\nWORKDIR /srv\nCMD gunicorn -c /srv/etc/g.py a:a",
        "etc/g.py": "workers = 3",
    }
    found = read(tmp_path, files)
    assert (found.workers, found.where) == (3, "Dockerfile:3, etc/g.py:1")


def test_what_is_assumed_is_said(tmp_path: Path) -> None:
    """A default, the number of processors, and an expression that cannot be worked out."""
    files = {
        "Procfile": "web: gunicorn --threads ${T:-2} app:app",
        "gunicorn.conf.py": "workers = int(os.getenv('N', cpu_count()))\n",
    }
    notes = " / ".join(read(tmp_path, files, cores=3).notes)
    assert "T is not set in the project's files; its default is '2'" in notes
    assert "N is not set in the project's files; its default is 3" in notes
    assert "processors is taken from this machine: 3" in notes


def test_an_unknown_number_is_not_made_up(tmp_path: Path) -> None:
    """What would have to be run is said, and the server's own default is taken."""
    files = {"gunicorn.conf.py": "from conf import cfg\nworkers = cfg.number('workers')\n"}
    found = read(tmp_path, files)
    assert found.workers == 1
    assert "workers = cfg.number('workers') cannot be worked out" in found.notes


def test_a_configuration_is_never_run(tmp_path: Path) -> None:
    """Its side effects do not happen."""
    files = {
        "gunicorn.conf.py": f"open({str(tmp_path / 'ran')!r}, 'w')\nworkers = 2\n",
        "start.sh": f"#!/bin/sh\ntouch {tmp_path / 'ran'}\ngunicorn a:a -w $(touch ran; echo 3)\n",
    }
    read(tmp_path, files)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"app.py": "app.run()"},
        {"dev.sh": "python app.py", "app.py": "app.run(debug=True)"},
        {"Procfile": "worker: rq worker"},
        {"setup.sh": "pip install gunicorn\necho gunicorn -w 9 app:app\n"},
        {"Procfile": "web: gunicorn 'unclosed"},
        {"docker-compose.yml": "services: [\n", "fly.toml": "=", "Procfile": "web"},
    ],
    ids=["nothing", "run", "a script", "no web", "install", "a quote", "broken files"],
)
def test_without_a_server_one_is_assumed(tmp_path: Path, files: Files) -> None:
    """Nothing that would be served so: four workers with two threads, and it is said."""
    found = read(tmp_path, files)
    assert found.assumed
    assert (found.server, found.workers, found.threads) == ("gunicorn", 4, 2)


def test_ones_own_server_is_named(tmp_path: Path) -> None:
    """`app.run()` is said, though it is not what a program is deployed with."""
    found = read(tmp_path, {"app.py": "if __name__ == '__main__':\n    app.run(threaded=False)\n"})
    assert found.others == ("Flask's own server, 1 worker x 1 thread (app.py:2)",)


def test_what_was_not_taken_is_named(tmp_path: Path) -> None:
    """Another file with another number is kept in words."""
    files = {"Procfile": "web: gunicorn -w 1 a:a", "Dockerfile": "FROM a\nCMD gunicorn -w 4 a:a"}
    assert read(tmp_path, files).others == ("gunicorn, 4 workers x 1 thread (Dockerfile:2)",)


def test_the_same_in_two_files_is_named_once(tmp_path: Path) -> None:
    """With both places."""
    found = read(tmp_path, {"a.py": "app.run()", "b.py": "\napp.run()"})
    said = "Flask's own server, 1 worker x as many threads as requests come"
    assert found.others == (f"{said} (a.py:1, b.py:2)",)


def test_greenlets_are_many() -> None:
    """As many as come is a number too, so that it can be compared."""
    assert Deployment(threads=UNBOUNDED, kind="greenlet").threads > 100


@pytest.mark.parametrize(
    ("files", "folder"),
    [
        ({"Dockerfile": "FROM a\nWORKDIR /app\nWORKDIR src\nCMD gunicorn app:app"}, "/app/src"),
        ({"Dockerfile": "FROM a\nWORKDIR /x\nFROM b\nCMD gunicorn a:a"}, "."),
        ({"Dockerfile": "FROM a\nWORKDIR /app\nCMD cd web && gunicorn a:a"}, "/app/web"),
        ({"a.service": "[Service]\nWorkingDirectory=/srv\nExecStart=gunicorn a:a"}, "/srv"),
        ({"Procfile": "web: gunicorn --chdir web a:a"}, "web"),
        ({"compose.yml": "services:\n  a:\n    working_dir: /w\n    command: gunicorn a:a"}, "/w"),
    ],
    ids="image stages cd systemd option compose".split(),
)
def test_the_folder_is_read(tmp_path: Path, files: Files, folder: str) -> None:
    """Where a server is started is where its application is looked for."""
    assert read(tmp_path, files).folder == folder


def test_flask_app_of_an_image(tmp_path: Path) -> None:
    """`flask run` takes it from the image's environment."""
    text = "FROM a\nENV FLASK_APP shop.py\nCMD flask run -h 0.0.0.0"
    assert read(tmp_path, {"Dockerfile": text}).target == "shop.py"


def test_a_command_that_starts_nothing_known_is_named(tmp_path: Path) -> None:
    """Nobody is told that no file says it, when one does in a way that is not understood."""
    found = read(tmp_path, {"Dockerfile": 'FROM a\nCMD ["shop-server", "--port", "80"]'})
    assert found.assumed
    assert found.notes == (
        "Dockerfile:2 starts `shop-server --port 80`: no server is seen in that",
    )


def test_a_variable_of_the_platform_is_not_swallowed(tmp_path: Path) -> None:
    """What the platform sets is named as unknown, and the words beside it keep their meaning."""
    found = read(tmp_path, {"Procfile": "web: gunicorn $EXTRA --threads $T -b :$PORT shop:app"})
    assert (found.target, found.threads) == ("shop:app", 1)
    assert {f"{name} is not set in the project's files" for name in ("EXTRA", "T")} < {*found.notes}
    assert not any("is no number" in note for note in found.notes)


def test_a_program_of_its_own_is_no_news(tmp_path: Path) -> None:
    """`app.run()` in a program that is served otherwise is not worth a line."""
    files = {"Procfile": "web: gunicorn -w 2 app:app", "app.py": "app.run()"}
    assert read(tmp_path, files).others == ()
