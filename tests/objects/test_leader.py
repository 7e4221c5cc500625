"""Leaders: one at a time, another when it ends, and a fence for those who come late."""

import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from callers import at_once

from actors import Child, Gate, run, until
from instep import LeaseLost, Misuse, Space
from instep.moving import dump, load
from instep.objects.campaign import PULSE
from instep.objects.leader import Leader
from instep.objects.seat import Candidate, Seat
from instep.stores.memory import MemoryStore
from places import PLACES, place

LEASE = 2.0  # seconds
LEASES = ("redis", "postgresql", "memcached")  # where only silence tells that somebody died


@pytest.fixture(params=[*PLACES, "memcached"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store that processes share, also of one that forgets."""
    if request.param == "memcached":
        url: str = request.getfixturevalue("memcached_server").url
        return url
    return place(request.param, tmp_path, request.getfixturevalue)


class Log:
    """A file that processes write what they do to, one line each: words, then the time.

    Args:
        path: where.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def say(self, *words: object) -> None:
        """Add a line in one step."""
        line = " ".join(map(str, (*words, time.monotonic()))) + "\n"
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        os.write(fd, line.encode())
        os.close(fd)

    def lines(self, word: str) -> list[tuple[int, int, float]]:
        """Process, fence and time of the lines that begin with a word."""
        found = [line.split() for line in self.path.read_text().splitlines()]
        return [(int(pid), int(fence), float(at)) for what, pid, fence, at in found if what == word]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """An empty log."""
    return Log(tmp_path / "log")


def stand(leader: Leader, log: Log) -> None:
    """Stand for it, and log the terms."""
    fences: list[int] = []

    def start() -> None:
        assert leader.term is not None
        fences.append(leader.term.fence)
        log.say("start", os.getpid(), fences[-1])

    leader.campaign(start, lambda: log.say("stop", os.getpid(), fences[-1]))


def worker(url: str, log: Log, enough: Gate) -> bool:
    """What each of many processes does."""
    leader = Space(url).leader("jobs", lease=LEASE)
    stand(leader, log)
    enough.pass_through(120)
    leader.resign()
    return leader.leads


def now(log: Log) -> tuple[int, int]:
    """Process and fence of whoever leads, as soon as somebody does."""

    def found() -> Any:
        ended = {fence for _, fence, _ in log.lines("stop")}
        return [line for line in log.lines("start") if line[1] not in ended]

    pid, fence, _ = until(found, 60)[-1]
    return pid, fence


def after(log: Log, fence: int) -> tuple[int, int, float]:
    """The first term after another one, as soon as it has begun."""
    found: list[tuple[int, int, float]] = until(
        lambda: [line for line in log.lines("start") if line[1] > fence], 60
    )
    return found[0]


def test_another_leads_when_the_leader_is_killed(
    anywhere: str, log: Log, fork: Callable[..., Child], record_property: Any
) -> None:
    """Four processes, kill -9 of two leaders: each time another one leads, with a higher fence."""
    enough = Gate()
    children = {(child := fork(worker, anywhere, log, enough)).pid: child for _ in range(4)}
    terms = [now(log)]
    for _ in range(2):
        pid, fence = terms[-1]
        children.pop(pid).kill()
        killed = time.monotonic()
        begun = after(log, fence)
        terms.append(begun[:2])
        took = begun[2] - killed
        record_property("takeover", took)
        print(f"\n{anywhere.partition(':')[0]}: another led {took:.2f} s after the kill")
        if anywhere.partition(":")[0] in LEASES:
            assert took > LEASE - PULSE  # not before the lease of the dead one was over
    assert len({pid for pid, _ in terms}) == 3
    assert [fence for _, fence in terms] == [1, 2, 3]
    enough.open(2)
    assert [child.result() for child in children.values()] == [False, False]


def test_never_two_at_a_time(anywhere: str, log: Log, fork: Callable[..., Child]) -> None:
    """Leaders that resign hand over at once; a term begins when the one before has ended."""
    gates = [Gate() for _ in range(3)]
    children = {fork(worker, anywhere, log, gate).pid: gate for gate in gates}
    for number in range(1, 4):
        pid, fence = now(log)
        assert fence == number
        children[pid].open()
        if number < 3:
            after(log, number)
    until(lambda: len(log.lines("stop")) == 3, 60)
    starts, stops = log.lines("start"), log.lines("stop")
    assert [line[:2] for line in starts] == [line[:2] for line in stops]
    for (_, _, ended), (_, _, begun) in zip(stops, starts[1:], strict=False):
        assert ended <= begun


def test_of_many_that_try_at_once_one_wins(anywhere: str) -> None:
    """Eight tries for a free seat, let go together, ten times: one gets it, by a higher fence."""
    space = Space(anywhere)

    def attempt() -> Seat | None:
        return Candidate(space.opened(), space.codec, "jobs", b"jobs", LEASE).take()

    fences = []
    for _ in range(10):
        [seat] = [seat for seat in at_once(8, attempt) if seat is not None]
        assert seat.keep()
        fences.append(seat.fence)
        seat.leave()
    assert fences == list(range(1, 11))
    space.close()


def test_a_process_of_its_own_waits_for_it(space: Space) -> None:
    """`with` waits until this one leads; the fence grows with every term, also of one object."""
    fences: list[int] = []
    first, second = space.leader("jobs"), space.leader("jobs")

    def wait() -> None:
        with second as term:
            fences.append(term.fence)

    with first as term:
        assert first.leads
        assert first.term == term
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(1.5 * PULSE)
        assert not second.leads
        assert fences == []
    thread.join(60)
    assert fences == [term.fence + 1]
    with first as again:
        assert again.fence == term.fence + 2
    assert not first.leads
    assert first.term is None


def test_stop_is_called_at_the_end_of_the_process(folder: str) -> None:
    """A program that just ends stops its jobs, and the next one leads without a wait."""
    code = """
import sys, time
from instep import Space
leader = Space(sys.argv[1]).leader("jobs")
leader.campaign(lambda: print("on", leader.leads), lambda: print("off", leader.leads))
while not leader.leads:
    time.sleep(0.01)
time.sleep(0.1)
"""
    assert run(code, folder) == "on True\noff False"
    with Space(folder).leader("jobs") as term:
        assert term.fence == 2


def test_the_reloaders_parent_stands_back(folder: str) -> None:
    """A process that turns out to be the parent of Flask's reloader leads no more, nor tries to."""
    code = """
import sys, time
from instep import Space
leader = Space(sys.argv[1]).leader("jobs")
leader.campaign(lambda: print("on"), lambda: print("off"))
while not leader.leads:
    time.sleep(0.01)
import werkzeug._reloader
while leader.leads:
    time.sleep(0.01)
time.sleep(2.5)
"""
    assert run(code, folder) == "on\noff"


def test_a_start_that_fails_lets_another_lead(
    space: Space, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is logged, `stop` is called, and somebody else gets the next term."""
    caplog.set_level(logging.INFO, "instep")
    clumsy, able = space.leader("jobs"), space.leader("jobs")
    said: list[str] = []

    def fail() -> None:
        said.append("fail")
        raise LookupError("no such job")

    clumsy.campaign(fail, lambda: said.append("stop"))
    until(lambda: "stop" in said)
    assert not clumsy.leads
    able.campaign(lambda: said.append("start"))
    until(lambda: able.leads)
    assert said[:2] == ["fail", "stop"]
    assert "no such job" in caplog.text
    clumsy.resign()
    able.resign()


def test_a_stop_that_fails_still_hands_over(space: Space, caplog: pytest.LogCaptureFixture) -> None:
    """The error is logged, and the next one leads."""
    clumsy, able = space.leader("jobs"), space.leader("jobs")
    clumsy.campaign(stop=lambda: 1 / 0)
    until(lambda: clumsy.leads)
    clumsy.resign()
    assert "ZeroDivisionError" in caplog.text
    with able as term:
        assert term.fence == 2


@pytest.mark.parametrize("kind", LEASES)
def test_a_paused_leader_knows_that_it_lost(
    kind: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    log: Log,
    fork: Callable[..., Child],
) -> None:
    """Stopped for longer than its lease: another one leads, and when it wakes it leads no more."""
    if kind == "memcached":
        url = request.getfixturevalue("memcached_server").url
    else:
        url = place(kind, tmp_path, request.getfixturevalue)
    gate, other = Gate(), Gate()

    def paused() -> list[bool]:
        leader = Space(url).leader("jobs", lease=LEASE)
        stand(leader, log)
        until(lambda: log.lines("start"))  # `leads` is true before start() is called
        os.kill(os.getpid(), signal.SIGSTOP)
        found = [leader.leads]  # at once, before its thread had a turn
        gate.pass_through(60)
        leader.resign()
        return found

    child = fork(paused)
    pid, fence = now(log)
    assert pid == child.pid
    fork(worker, url, log, other)
    begun = after(log, fence)
    woken = time.monotonic()
    os.kill(child.pid, signal.SIGCONT)
    stopped = until(lambda: [line for line in log.lines("stop") if line[0] == pid], 60)
    print(f"\n{kind}: stop() {stopped[0][2] - woken:.2f} s after it woke up")
    assert begun[1] == fence + 1
    gate.open()
    assert child.result() == [False]
    other.open()


def test_a_leader_gives_up_when_the_store_is_silent(redis_server: Any) -> None:
    """Redis is stopped: nobody believes that it leads after the lease; then there is a new term."""
    said: list[tuple[str, float]] = []
    space = Space(f"{redis_server.url}?timeout=1")
    leader = space.leader("jobs", lease=LEASE)
    leader.campaign(
        lambda: said.append(("start", time.monotonic())),
        lambda: said.append(("stop", time.monotonic())),
    )
    until(lambda: leader.leads)
    before = leader.term
    redis_server.pause()
    silent = time.monotonic()
    try:
        until(lambda: not leader.leads)
        doubted = time.monotonic() - silent
        until(lambda: said[-1][0] == "stop")
        print(f"\nno longer sure after {doubted:.2f} s, stop() after {said[-1][1] - silent:.2f} s")
    finally:
        redis_server.resume()
    until(lambda: said[-1][0] == "start" and leader.leads)
    assert before is not None
    assert leader.term is not None
    assert leader.term.fence > before.fence
    assert [what for what, _ in said] == ["start", "stop", "start"]
    leader.resign()
    space.close()


def test_a_block_that_lost_it_is_told(redis_server: Any) -> None:
    """Somebody else has taken the seat meanwhile: LeaseLost at the end, `leads` before."""
    space = Space(redis_server.url)
    leader = space.leader("jobs", lease=LEASE)
    with pytest.raises(LeaseLost, match="no longer led 'jobs'"), leader:
        redis_server.cli("FLUSHALL")
        until(lambda: not leader.leads)
    with pytest.raises(LookupError), leader:
        redis_server.cli("FLUSHALL")
        until(lambda: not leader.leads)
        raise LookupError
    space.close()


def test_a_manager_that_begins_anew_has_a_new_term(manager_server: Any) -> None:
    """Its memory is gone and so is the seat: `stop`, and another term."""
    said: list[str] = []
    space = Space(manager_server.url)
    leader = space.leader("jobs", lease=LEASE)
    leader.campaign(lambda: said.append("start"), lambda: said.append("stop"))
    until(lambda: leader.leads)
    manager_server.restart()
    until(lambda: said == ["start", "stop", "start"])
    leader.resign()
    assert said[3:] == ["stop"]
    space.close()


def test_a_forked_child_stands_by_itself(
    shared_place: str, log: Log, fork: Callable[..., Child]
) -> None:
    """A child of the leader does not lead; it stands for it, and leads when its parent dies."""
    enough = Gate()

    def parent() -> None:
        leader = Space(shared_place).leader("jobs", lease=LEASE)
        stand(leader, log)
        until(lambda: leader.leads)
        if not os.fork():
            log.say("child", os.getpid(), int(leader.leads))
            enough.pass_through(120)
            leader.resign()
            os._exit(0)
        time.sleep(120)

    child = fork(parent)
    pid, fence = now(log)
    assert pid == child.pid
    [(grandchild, led, _)] = until(lambda: log.lines("child"))
    assert not led
    child.kill()
    begun = after(log, fence)
    assert begun[:2] == (grandchild, fence + 1)
    enough.open()
    until(lambda: [line for line in log.lines("stop") if line[0] == grandchild], 60)


def test_whoever_forks_lets_its_children_lead(
    folder: str, log: Log, fork: Callable[..., Child]
) -> None:
    """A master that has declared it and forks at once does not lead: one of its workers does."""
    enough = Gate()

    def master() -> None:
        leader = Space(folder).leader("jobs")
        stand(leader, log)
        for _ in range(3):
            if not os.fork():
                enough.pass_through(120)
                os._exit(0)
        time.sleep(120)

    child = fork(master)
    for _ in range(2):
        pid, fence = now(log)
        assert pid != child.pid
        os.kill(pid, signal.SIGKILL)
        after(log, fence)
    enough.open(3)


def idle(seconds: float) -> None:
    """What a process of a pool does."""
    time.sleep(seconds)


def test_a_process_of_a_pool_does_not_stand(
    folder: str, log: Log, fork: Callable[..., Child]
) -> None:
    """What `multiprocessing` forks off a worker is not one of the workers."""
    pids: list[int] = []

    def parent() -> list[int]:
        leader = Space(folder).leader("jobs")
        stand(leader, log)
        until(lambda: leader.leads)
        helper = multiprocessing.get_context("fork").Process(target=idle, args=(4 * PULSE,))
        helper.start()
        leader.resign()
        helper.join()
        return [helper.pid or 0]

    pids = fork(parent).result()
    assert pids[0] not in [pid for pid, _, _ in log.lines("start")]
    assert len(log.lines("start")) == 1


def test_a_pool_that_is_asked_to_stand_does(folder: str) -> None:
    """`campaign` in a process of `multiprocessing` counts: uvicorn makes its workers so."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        assert pool.apply(lead_once, (folder,)) == 1


def lead_once(url: str) -> int:
    """The fence of a term, which is over then."""
    space = Space(url)
    leader = space.leader("jobs")
    leader.campaign()
    fence: int = until(lambda: leader.term).fence
    leader.resign()
    space.close()
    return fence


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent, sys
from instep import Space

space = Space(sys.argv[1])
one, other = space.leader("jobs"), space.leader("jobs")
said, ticks = [], []

def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.05)

ticker = gevent.spawn(tick)
one.campaign(lambda: said.append("one"), lambda: said.append("end of one"))
with gevent.Timeout(20):
    while not one.leads:
        gevent.sleep(0.01)
    other.campaign(lambda: said.append("other"), lambda: said.append("end of other"))
    gevent.sleep(2)
    assert not other.leads
    one.resign()
    while not other.leads:
        gevent.sleep(0.01)
    other.resign()
assert said == ["one", "end of one", "other", "end of other"], said
assert len(ticks) > 20, len(ticks)
space.close()
print("right")
"""


@pytest.mark.parametrize("kind", ["memory", *PLACES])
def test_greenlets_lead_in_turn(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """In a process that gevent has patched the campaign is a greenlet, and lets the others run."""
    url = place(kind, tmp_path, request.getfixturevalue)
    done = subprocess.run(
        [sys.executable, "-c", GREENLETS, url], capture_output=True, text=True, check=False
    )
    assert done.stdout == "right\n", done.stderr


def test_standing_twice_is_refused(space: Space) -> None:
    """One object stands once; after `resign`, which may be called twice, it may again."""
    leader = space.leader("jobs")
    leader.campaign()
    with pytest.raises(Misuse, match="standing for it already"):
        leader.campaign()
    with pytest.raises(Misuse, match="standing for it already"), leader:
        pytest.fail("twice")
    leader.resign()
    leader.resign()
    with leader as term:
        assert term.fence >= 1


def test_a_name_of_another_kind_is_refused(space: Space, caplog: pytest.LogCaptureFixture) -> None:
    """`with` raises Misuse; a campaign logs it once and ends. The record stays as it was."""
    space.counter("hits").increment()
    other = Space("memory:")
    other._settings = space._settings
    leader = other.leader("hits")
    with pytest.raises(Misuse, match="'hits' is a counter in the store"), leader:
        pytest.fail("leads")
    leader.campaign()
    until(lambda: "nobody can lead 'hits'" in caplog.text)
    leader.resign()
    assert space.counter("hits").value == 1


@pytest.mark.parametrize("lease", [0, 0.99, -1, float("nan"), "5", True, None])
def test_a_lease_that_cannot_be(lease: Any) -> None:
    """Less than a second, or not a number: Misuse when it is declared."""
    with pytest.raises(Misuse, match=r"lease|timeout"):
        Space("memory:").leader("jobs", lease=lease)


def test_who_leads_is_visible(space: Space) -> None:
    """The record says who leads since when; it cannot be deleted, since fences never go back."""
    with space.leader("jobs") as term:
        shown = space.describe("jobs")
        assert shown.kind == "leader"
        assert (shown.state["pid"], shown.state["fence"]) == (os.getpid(), term.fence)
        assert shown.state["led"]
    assert "jobs" in space.names()
    with pytest.raises(Misuse, match="is a leader: its fence must never go back"):
        space.delete("jobs")


def test_it_moves_with_its_store(space: Space) -> None:
    """A dump keeps the record as it is, in plain words; in the new store fences go on."""
    with space.leader("jobs") as term:
        pass
    file, target = BytesIO(), MemoryStore()
    store = space.opened().store
    dump(store, file)
    assert b'"kind": "leader"' in file.getvalue()
    assert b'"fence": 1' in file.getvalue()
    load(BytesIO(file.getvalue()), target)
    before, after = store.read(b"jobs"), target.read(b"jobs")
    assert before is not None
    assert after is not None
    assert after.data == before.data
    assert term.fence == 1
