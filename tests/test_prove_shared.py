"""The promise itself: a shared object is right under every server, a hundred clients at once."""

from pathlib import Path

import pytest

from instep.races.demo import NUMBER
from instep.races.load import Load
from instep.races.prove import Plan, prove
from instep.races.verdict import Word

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    ("server", "workers", "threads", "options"),
    [
        ("gunicorn", 4, 1, ()),
        ("gunicorn", 4, 2, ()),
        ("gunicorn", 4, 2, ("--preload",)),
        ("gunicorn-gevent", 3, 8, ()),
        ("gunicorn-gevent", 3, 8, ("--preload",)),
        ("waitress", 1, 8, ()),
        ("uwsgi", 4, 2, ()),
        ("flask", 1, 8, ()),
        ("flask-processes", 10, 1, ()),
    ],
)
def test_a_shared_object_is_right_under(
    server: str, workers: int, threads: int, options: tuple[str, ...]
) -> None:
    """Every client gets a number of its own, 1 to 300, none twice, none missing, in order."""
    plan = Plan(
        "counter_shared:app",
        server=server,
        workers=workers,
        threads=threads,
        load=Load(clients=100, requests=300, number=NUMBER),
        matrix=False,
        fresh=True,
        chdir=EXAMPLES,
        options=options,
    )
    (run,) = prove(plan)
    verdict = run.verdict
    assert verdict.word is Word.RIGHT, (verdict, run.printed)
    assert (verdict.answered, verdict.first, verdict.last) == (300, 1, 300), run.printed


def test_the_count_goes_on_after_a_restart(tmp_path: Path) -> None:
    """Without a fresh store the second server's first number follows the first server's last."""
    (tmp_path / "templates").mkdir()
    for name in ("counter_shared.py", "templates/index.html"):
        (tmp_path / name).write_text((EXAMPLES / name).read_text())
    plan = Plan(
        "counter_shared:app",
        load=Load(number=NUMBER),
        matrix=False,
        rounds=2,
        chdir=tmp_path,
    )
    spans = [(run.verdict.first, run.verdict.last) for run in prove(plan)]
    assert spans == [(1, 100), (101, 200)]
