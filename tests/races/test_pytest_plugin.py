"""`pytest --instep`, run as people run it, in a process of its own."""

import json
import os
import sys
from pathlib import Path

import pytest

from instep.races.checking import findings_in

pytest_plugins = ["pytester"]

SHOP = """
from flask import Flask

app = Flask(__name__)
orders = []
seen = {"n": 0}


@app.post("/order")
def order():
    made = {"id": len(orders) + 1}
    orders.append(made)
    return made


@app.get("/orders")
def listed():
    def parts():
        for number in range(2):
            seen["n"] = seen["n"] + 1
            yield f"{number} "
    return parts()
"""

TESTS = """
import pytest
import shop


@pytest.fixture
def client():
    return shop.app.test_client()


def test_order(client):
    assert client.post("/order").json == {"id": 1}


def test_fails(client):
    assert client.post("/order").json == {"id": 1}, "as it does without --instep"
"""

SOUND = """
import threading
from flask import Flask

app = Flask(__name__)
lock, count = threading.Lock(), 0


@app.get("/")
def index():
    global count
    with lock:
        count += 1
        return str(count)
"""


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    """A program with two races, and its tests, of which one fails."""
    pytester.makepyfile(shop=SHOP, test_shop=TESTS)
    pytester.makeini("[pytest]\npythonpath = .\n")
    return pytester


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run pytest in a process of its own."""
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)


def test_the_section_at_the_end(shop: pytest.Pytester) -> None:
    """Both places, no lock, who did it, what can go wrong; the results stay as they are."""
    result = run(shop, "--instep")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*instep: candidates*",
            "1 candidate in 2 requests, 1 module watched",
            "IS110 high  `shop.orders` is tested, and then changed",
            "    tested  shop.py:10 in order: len(orders)",
            "    written shop.py:11 in order: orders.append(…)",
            "    no lock is held from the one to the other",
            "    by      POST /order in test_order; POST /order in test_fails",
            "    so      *",
        ]
    )


def test_what_is_wrong_with_one_object_stands_together(pytester: pytest.Pytester) -> None:
    """The worst of it in full, the rest in a line each; the report for programs has it all."""
    pytester.makepyfile(
        shop="""
        from flask import Flask

        app = Flask(__name__)
        visitors = 0


        @app.get("/")
        def home():
            global visitors
            visitors += 1
            return f"{visitors} {visitors}"
        """,
        test_shop="import shop\ndef test_it():\n client = shop.app.test_client()\n"
        " assert [client.get('/').text for _ in range(2)] == ['1 1', '2 2']",
    )
    result = run(pytester, "--instep", "--instep-report", "found.json")
    result.stdout.fnmatch_lines(
        [
            "3 candidates in 2 requests, 1 module watched",
            "IS101 high  `shop.visitors` is read, and then written",
            "    so      *",
            "    also    IS140 shop.py:11,10 `shop.visitors` is written, and read again by *",
        ]
    )
    assert result.stdout.str().count("    also    ") == 1
    assert len(json.loads((pytester.path / "found.json").read_text())["findings"]) == 3


def test_without_the_option_nothing_happens(shop: pytest.Pytester) -> None:
    """No section, no instrumentation, and not even our modules are imported."""
    shop.makeconftest(
        "import sys\ndef pytest_unconfigure():\n"
        " print('LOADED', sorted(n for n in sys.modules if n.startswith('instep.races')))"
    )
    result = run(shop, "-s")
    result.stdout.fnmatch_lines(["LOADED []"])
    result.stdout.no_fnmatch_line("*instep: candidates*")


def test_it_can_be_switched_on_in_the_configuration(shop: pytest.Pytester) -> None:
    """`instep = true` in the ini file does as `--instep`."""
    shop.makeini("[pytest]\npythonpath = .\ninstep = true\n")
    run(shop).stdout.fnmatch_lines(["1 candidate in 2 requests*"])


def test_a_clean_program(pytester: pytest.Pytester) -> None:
    """No candidate, and the exit code of the suite, strict or not."""
    pytester.makepyfile(
        shop=SOUND,
        test_it="import shop\ndef test_it():\n assert shop.app.test_client().get('/').text == '1'",
    )
    result = run(pytester, "--instep", "--instep-strict")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["0 candidates in 1 request, 1 module watched"])
    assert result.ret == 0


def test_strict_fails_the_run(shop: pytest.Pytester) -> None:
    """Candidates are an exit code of 1 if they are asked to be, else 0."""
    for options, code in [((), 0), (("--instep-strict",), 1)]:
        assert run(shop, "--instep", "-k", "test_order", *options).ret == code


def test_the_report(shop: pytest.Pytester) -> None:
    """The same as data, as `instep check` writes it."""
    run(shop, "--instep", "--instep-report", "found.json")
    report = json.loads((shop.path / "found.json").read_text())
    (finding,) = report["findings"]
    assert (report["version"], report["requests"], report["modules"]) == (1, 2, ["shop"])
    assert (finding["rule"], finding["location"]) == ("IS110", "shop.orders")
    assert [(Path(site["path"]).name, site["line"]) for site in finding["sites"]] == [
        ("shop.py", 10),
        ("shop.py", 11),
    ]
    assert finding["actors"][0]["routes"] == ["POST /order"]
    assert [each["rule"] for each in findings_in(shop.path / "found.json")] == ["IS110"]


def test_the_report_is_what_explore_goes_on_from(shop: pytest.Pytester) -> None:
    """Its candidates name the requests, and are confirmed."""
    run(shop, "--instep", "--instep-report", "found.json")
    words = "explore shop:app --candidates-from found.json --random 0 --json".split()
    done = shop.run(sys.executable, "-m", "instep.cli", *words)
    (told,) = json.loads(done.stdout.str())["explorations"]
    assert told["requests"] == ["POST /order", "POST /order"]
    assert (done.ret, told["verdict"], len(told["confirmed"])) == (1, "wrong", 1)


def test_a_race_of_requests(pytester: pytest.Pytester) -> None:
    """The fixture needs no option; a violation is a failure that tells the story."""
    pytester.makepyfile(
        shop=SHOP.replace("len(orders)", "len(orders[:])"),
        sound=SOUND,
        test_shop="""
            def test_orders(race):
                from shop import app
                race.requests("POST /order", "POST /order", app=app)

            def test_orders_and_then(race):
                from shop import app
                race.requests("POST /order", "GET /nothing", app=app, then=("GET /orders",))

            def test_sound(race):
                from sound import app
                assert race.requests("/", "/", app=app).verdict == "right"
        """,
    )
    done = run(pytester)
    done.assert_outcomes(passed=2, failed=1)
    told = " ".join(line.removeprefix("E").strip() for line in done.outlines)
    assert 'the answers are A: 200 OK {"id": 1}, B: 200 OK {"id": 1}; one after' in told
    assert "fixture.py" not in told


def test_a_race_is_found_wherever_pytest_is_started(pytester: pytest.Pytester) -> None:
    """The program is what lies below pytest's root folder, not only below the current one."""
    pytester.makepyfile(shop=SHOP)
    pytester.makeini("[pytest]\npythonpath = .\n")
    below = pytester.mkdir("tests")
    (below / "test_shop.py").write_text(
        "from shop import app\n\ndef test_orders(race):\n"
        "    race.requests('POST /order', 'POST /order', app=app, random=0)\n"
    )
    pytester.chdir()
    os.chdir(below)
    run(pytester).assert_outcomes(failed=1)


def test_a_report_that_cannot_be_written(shop: pytest.Pytester) -> None:
    """Said before the tests are run, in one sentence."""
    done = run(shop, "--instep", "--instep-report", "nowhere/found.json")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "there is no folder" in done.stderr.str()


def test_a_report_that_fails_in_the_end(shop: pytest.Pytester) -> None:
    """It costs the report, not the results."""
    done = run(shop, "--instep", "-k", "test_order", "--instep-report", ".")
    done.stdout.fnmatch_lines(["*--instep-report: * was not written: *", "*IS110*"])
    assert done.ret == 0


def test_what_the_answer_does_while_it_is_read(shop: pytest.Pytester) -> None:
    """A generator that is consumed after the view has returned is the request's, too."""
    shop.makepyfile(
        test_shop="import shop\ndef test_it():\n"
        " assert shop.app.test_client().get('/orders').text == '0 1 '"
    )
    run(shop, "--instep").stdout.fnmatch_lines(["*`shop.seen?'n'?` is read, and then written"])


def test_workers_of_xdist_report_to_the_controller(shop: pytest.Pytester) -> None:
    """What several processes saw is one report, each place once."""
    result = run(shop, "--instep", "-n", "2")
    result.stdout.fnmatch_lines(["1 candidate in 2 requests, 1 module watched", "IS110 high*"])


def test_a_conftest_that_imports_the_program(shop: pytest.Pytester) -> None:
    """It is watched nevertheless: the hook stands before any conftest; and a src layout works."""
    shop.mkdir("src")
    (shop.path / "shop.py").rename(shop.path / "src/shop.py")
    shop.makeini("[pytest]\npythonpath = src\n")
    shop.makeconftest("import sys; sys.path.insert(0, 'src')\nimport shop\n")
    result = run(shop, "--instep", "--import-mode=importlib")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["1 candidate in 2 requests, 1 module watched"])
    result.stdout.no_fnmatch_line("*too early*")


def test_a_module_that_came_too_early_is_named(
    shop: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin imports the program before anybody could watch it."""
    shop.makepyfile(early="import shop\n")
    monkeypatch.setenv("PYTHONPATH", str(shop.path))
    monkeypatch.setenv("PYTEST_PLUGINS", "early")
    run(shop, "--instep").stdout.fnmatch_lines(["Imported too early to be watched:*shop*"])


def test_a_suite_without_tests(pytester: pytest.Pytester) -> None:
    """It says so; the exit code is pytest's for it."""
    pytester.makepyfile(shop=SHOP)
    result = run(pytester, "--instep")
    result.stdout.fnmatch_lines(["No test ran, so there was nothing to see."])
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_suite_that_asks_for_nothing(shop: pytest.Pytester) -> None:
    """Tests that call functions only: no request was seen, and what would be one is said."""
    shop.makepyfile(test_shop="import shop\ndef test_it():\n assert shop.orders == []")
    result = run(shop, "--instep")
    result.stdout.fnmatch_lines(["0 candidates in 0 requests, 1 module watched"])
    result.stdout.fnmatch_lines(["*no request was seen*"])


def test_a_program_that_is_elsewhere(
    shop: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was watched: the option that helps is named, and helps; a wrong folder is refused."""
    elsewhere = shop.mkdir("elsewhere")
    inside = shop.mkdir("inside")
    (shop.path / "shop.py").rename(elsewhere / "shop.py")
    (shop.path / "test_shop.py").rename(inside / "test_shop.py")
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    options = ["--instep", "--rootdir", "inside", "inside"]
    run(shop, *options).stdout.fnmatch_lines(["*name its folder with --instep-root PATH*"])
    found = run(shop, *options, "--instep-root", "elsewhere")
    found.stdout.fnmatch_lines(["1 candidate in 2 requests*"])
    wrong = run(shop, "--instep", "--instep-root", "nowhere")
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR
    wrong.stderr.fnmatch_lines(["*nowhere is not a folder*"])


def test_assertions_are_rewritten_as_ever(shop: pytest.Pytester) -> None:
    """A test that fails shows its values, and a traceback the program's own lines only."""
    shop.makepyfile(
        test_shop="import shop\ndef test_it():\n one = {'id': 1}\n assert one == {'id': 2}\n"
        "def test_error():\n shop.seen['missing'] + shop.order()\n"
    )
    result = run(shop, "--instep")
    result.stdout.fnmatch_lines(["E*{'id': 1} != {'id': 2}*"])
    result.stdout.no_fnmatch_line("*watching*.py*")


def test_a_plain_wsgi_callable(pytester: pytest.Pytester) -> None:
    """Any application behind werkzeug's client has requests."""
    pytester.makepyfile(
        plain="""
        hits = {"n": 0}
        def app(environ, start_response):
            hits["n"] += 1
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(hits["n"]).encode()]
        """,
        test_plain="""
        from werkzeug.test import Client
        import plain
        def test_it():
            assert Client(plain.app).get("/x").text == "1"
        """,
    )
    result = run(pytester, "--instep")
    result.stdout.fnmatch_lines(["IS103 high  `plain.hits?'n'?` is read, and then written"])


def test_an_application_from_a_factory(pytester: pytest.Pytester) -> None:
    """Its closures are named by the application that was asked; one for each test is not shared."""
    pytester.makepyfile(
        factory="""
        from flask import Flask
        def create_app():
            app = Flask(__name__)
            votes = {}
            @app.get("/")
            def vote():
                votes["n"] = votes.get("n", 0) + 1
                return str(votes["n"])
            return app
        """,
        test_factory="""
        from factory import create_app
        def test_it():
            client = create_app().test_client()
            assert [client.get("/").text for _ in range(2)] == ["1", "2"]
        """,
    )
    run(pytester, "--instep").stdout.fnmatch_lines(["*the application of factory*votes*"])
