"""Amplification: what is racy is caught under real servers, what is sound stays right."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from instep.cli import main
from instep.races import amplify
from instep.races.amplified import Amplified, amplified
from instep.races.amplify import BUDGET, TURNS, Amplifier
from instep.races.diseases import Disease
from instep.races.load import Load
from instep.races.prove import Plan, Run, prove
from instep.races.reading.model import Place
from instep.races.verdict import Word
from instep.races.watching import Site
from instep.races.words import held_back

HERE = Path(__file__).parent / "served"
pytestmark = pytest.mark.usefixtures("mark")
THREADED = ["gunicorn-gevent", "waitress", "uwsgi", "flask"]


def only(program: str, server: str = "gunicorn", *, seed: int | None = 1, **more: Any) -> Run:
    """Run one program in one process with four threads."""
    plan = Plan(
        f"amplify_programs:{program}",
        server=server,
        workers=1,
        threads=4,
        matrix=False,
        chdir=more.pop("chdir", HERE),
        seed=seed,
        **more,
    )
    (run,) = prove(plan)
    return run


@pytest.mark.parametrize("seed", range(2))
def test_a_racy_counter_is_caught_every_time(seed: int) -> None:
    """What comes right by an accident of the interpreter is wrong under any seed."""
    run = only("racy", seed=seed)
    assert run.verdict.diseases == (Disease.THREAD_RACE,), run.verdict
    assert run.verdict.distinct < 80


@pytest.mark.parametrize("seed", range(2))
def test_a_fixed_counter_is_right_every_time(seed: int) -> None:
    """A lock around write and returned read holds, however long its holder is held back."""
    run = only("fixed", seed=seed)
    assert run.verdict.word is Word.RIGHT, run.verdict
    assert run.amplified is not None
    assert run.amplified.sleeps > 100


@pytest.mark.parametrize("server", THREADED)
def test_a_racy_counter_is_caught_under(server: str) -> None:
    """Threads and greenlets, whoever starts them."""
    run = only("racy", server)
    assert run.verdict.diseases == (Disease.THREAD_RACE,), (run.verdict, run.printed)
    assert run.amplified is not None
    assert run.amplified.places[0][0].startswith("amplify_programs.py:")


@pytest.mark.parametrize("program", ["item", "method", "late", "make()"])
def test_every_kind_of_shared_state_is_held_back(program: str) -> None:
    """Containers, objects, a read after the release, and what an application closes over."""
    run = only(program)
    assert run.verdict.diseases == (Disease.THREAD_RACE,), (run.verdict, run.amplified)


def test_it_works_in_a_program_that_is_loaded_before_the_fork() -> None:
    """The workers inherit what was instrumented."""
    run = only("racy", options=("--preload",))
    assert run.verdict.diseases == (Disease.THREAD_RACE,), run.verdict


def test_a_long_loop_costs_no_more_than_a_short_one() -> None:
    """10,000 accesses sleep three times."""
    run = only("loop", load=Load(4, 8))
    assert run.verdict.word is Word.RIGHT
    assert run.amplified is not None
    assert 0 < run.amplified.sleeps <= TURNS * 8


def test_what_a_request_made_for_itself_is_left_alone() -> None:
    """Nothing sleeps, and that is said."""
    run = only("local")
    assert run.verdict.word is Word.RIGHT
    assert run.amplified is not None
    assert (run.amplified.modules, run.amplified.sleeps) == (1, 0)


def test_a_program_that_is_not_in_the_folder_is_not_amplified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was installed is somebody else's; that nothing was done is said."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    run = only("racy", chdir=tmp_path)
    assert run.amplified == Amplified(1, 0, 0, ())


def test_the_same_seed_holds_the_same_requests_back() -> None:
    """The draws depend on the seed and on the request's place in its process alone."""
    first, second = [only("fixed", seed=3, load=Load(4, 40)).amplified for _ in range(2)]
    assert first == second
    assert first is not None
    assert first.sleeps


def instep(*arguments: str) -> Result:
    """Run the command in this process."""
    fixed = ("--chdir", str(HERE), "--workers", "1", "--threads", "4", "--no-matrix")
    return CliRunner().invoke(main, ["prove", *arguments, *fixed])


def test_the_command_says_that_it_amplified(tmp_path: Path) -> None:
    """The seed, how often, where, and that times mean nothing; also on the page."""
    page = tmp_path / "page.html"
    result = instep("amplify_programs:racy", "--amplify", "--report", str(page))
    assert result.exit_code == 1, result.output
    flat = " ".join(result.output.split())
    assert "amplified with seed " in flat
    assert "a request was held back for 0.5 ms before it touched what requests share" in flat
    assert "amplify_programs.py:" in flat
    assert "Times mean nothing here." in flat
    assert "amplified with seed " in page.read_text()
    assert "Times mean nothing here." in page.read_text()


def test_the_document_says_that_it_amplified() -> None:
    """With the seed that was given, for each run."""
    result = instep("amplify_programs:fixed", "--amplify", "--seed", "7", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["seed"] == 7
    (run,) = document["runs"]
    assert run["amplified"]["seed"] == 7
    assert run["amplified"]["sleeps"] == sum(times for _, times in run["amplified"]["places"])


def test_left_alone_it_says_nothing_of_it() -> None:
    """An ordinary run has no seed."""
    document = json.loads(instep("amplify_programs:fixed", "--json").stdout)
    assert document["seed"] is None
    assert document["runs"][0]["amplified"] is None
    assert (document["runs"][0]["leftovers"], document["runs"][0]["asked"]) == ([], 1)


def test_a_whole_request_can_be_given() -> None:
    """Method, headers and body, in the notation of `instep explore`."""
    asked = """POST / -H 'X-Shop: tea' {"item": 3}"""
    result = instep("amplify_programs:posted", "--amplify", "--request", asked, "--json")
    assert result.exit_code == 1, result.output
    document = json.loads(result.stdout)
    assert (document["method"], document["path"]) == ("POST", "/")
    assert document["runs"][0]["diseases"] == ["thread race"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--request", "no request"), "is no request"),
        (("--request", "GET /", "--path", "/other"), "leave out --path and --method"),
    ],
)
def test_a_request_that_cannot_be_read_exits_with_2(
    options: tuple[str, ...], complaint: str
) -> None:
    """Nothing is started."""
    result = instep("amplify_programs:racy", *options)
    assert result.exit_code == 2
    assert complaint in " ".join(result.output.split())


def test_a_seed_alone_exits_with_2() -> None:
    """It would be ignored, so it is refused."""
    result = instep("amplify_programs:fixed", "--seed", "7")
    assert result.exit_code == 2
    assert "--seed is for --amplify" in result.output


def test_what_was_not_amplified_is_said_in_words() -> None:
    """No module, or no access: both mean that a right verdict is worth no more than without."""
    assert "no module of the program is in its folder" in held_back(Amplified(1, 0, 0, ()))
    assert "nothing was amplified: in 2 modules" in held_back(Amplified(1, 2, 0, ()))
    said = held_back(Amplified(1, 1, 5, (("shop.py:3", 4), ("shop.py:7", 1))))
    assert "5 times" in said
    assert "most at shop.py:3 (4), shop.py:7 (1)" in said


# ---- what it holds back, without a server ----


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Counts the sleeps instead of sleeping."""
    slept: list[float] = []
    monkeypatch.setattr(amplify, "time", Clock(slept))
    return slept


class Clock:
    """A clock that stands still until somebody moves it."""

    def __init__(self, slept: list[float]) -> None:
        self.sleep = slept.append
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def site(line: int) -> Site:
    """A place in a program."""
    return Site("write", "n", Place("/shop/views.py", line, 0, line, "shop.views.order"))


SITES = [site(line) for line in range(1, 201)]


def amplifier(shared: object, tmp_path: Path) -> Amplifier:
    """An amplifier of a program whose application holds something."""
    made = Amplifier(1, tmp_path)
    made.loaded("app", [shared])
    return made


def test_a_request_has_a_budget(sleeps: list[float], tmp_path: Path) -> None:
    """It sleeps at most so often, whatever it touches; the next one begins anew."""
    shared: list[object] = []
    made = amplifier(shared, tmp_path)
    for request in (1, 2):
        made.begin()
        for place in SITES:
            made.access("write", shared, "n", place)
        assert len(sleeps) == BUDGET * request


def test_one_place_sleeps_a_few_times(sleeps: list[float], tmp_path: Path) -> None:
    """So that a loop does not use up what other places need."""
    shared: list[object] = []
    made = amplifier(shared, tmp_path)
    made.begin()
    for _ in range(1000):
        made.access("write", shared, "n", SITES[0])
    assert len(sleeps) == TURNS
    made.access("write", shared, "n", SITES[1])
    made.access("write", shared, "n", SITES[1])
    made.access("write", shared, "n", SITES[2])
    assert len(sleeps) > TURNS


def test_another_seed_holds_others_back(sleeps: list[float], tmp_path: Path) -> None:
    """The places at which one request sleeps are others, or others often enough."""
    shared: list[object] = []
    told = []
    for seed in (1, 2, 1):
        made = Amplifier(seed, tmp_path)
        made.start()
        made.loaded("app", [shared])
        made.begin()
        for place in SITES:
            made.access("write", shared, "n", place)
        told.append(made.told()["places"])
        made.stop()
    assert told[0] == told[2] != told[1]


def test_outside_of_requests_nothing_sleeps(sleeps: list[float], tmp_path: Path) -> None:
    """Neither while the program is loaded, nor in a thread of its own."""
    shared: list[object] = []
    made = amplifier(shared, tmp_path)
    for place in SITES:
        made.access("write", shared, "n", place)
    made.begin()
    own = threading.Thread(target=lambda: [made.access("write", shared, "n", s) for s in SITES])
    own.start()
    own.join()
    assert sleeps == []


def test_what_becomes_shared_later_is_held_back_then(sleeps: list[float], tmp_path: Path) -> None:
    """An unknown object has the shared ones looked up anew, but not at every access."""
    shared: list[object] = []
    made = amplifier(shared, tmp_path)
    made.begin()
    late: dict[str, int] = {}
    for place in SITES:
        made.access("write", late, "n", place)
    shared.append(late)
    for place in SITES:
        made.access("write", late, "n", place)
    assert sleeps == []
    clock = amplify.time
    assert isinstance(clock, Clock)
    clock.now += amplify.LOOK_AGAIN
    for place in SITES:
        made.access("write", late, "n", place)
    assert len(sleeps) == BUDGET


def test_the_program_s_random_numbers_are_its_own(sleeps: list[float], tmp_path: Path) -> None:
    """Drawing where to sleep takes none of them."""
    import random

    random.seed(3)
    expected = random.Random(3).random()
    shared: list[object] = []
    made = amplifier(shared, tmp_path)
    made.begin()
    for place in SITES:
        made.access("write", shared, "n", place)
    assert sleeps
    assert random.random() == expected


def test_what_several_processes_did_is_added_up() -> None:
    """The places with the most sleeps are shown."""
    told = [{"modules": 2, "places": {"a.py:1": 3, "b.py:2": 1}}]
    told.append({"modules": 2, "places": {"a.py:1": 1}})
    assert amplified(9, told) == Amplified(9, 2, 5, (("a.py:1", 4), ("b.py:2", 1)))


def test_an_unwatched_clock_is_the_real_one() -> None:
    """Whoever patches `time.sleep`, as gevent does, is asked at the time of the sleep."""
    assert amplify.time is time
