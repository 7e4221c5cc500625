"""Explore: run the calls in all orders that can make a difference, and judge each outcome."""

from __future__ import annotations

import time
from itertools import permutations

from instep.errors import Misuse
from instep.races.exploring import judging, naming, replaying
from instep.races.exploring.choosing import Decided, InOrder, Key, Random
from instep.races.exploring.forking import reap
from instep.races.exploring.oracle import Oracle
from instep.races.exploring.plan import Exploration, Plan, Run, Violation
from instep.races.exploring.playing import Stage
from instep.races.exploring.search import Decisions, Search, latent

REPEATS = 2
"""So often a schedule that went wrong is played again: what does not come again was chance."""

RESTARTS = 5
"""So often new candidates are taken in; a program that always shows new ones is left there."""

Order = tuple[int, ...]

MORE = 12
"""So many schedules are run in search of an exposed violation, when a latent one was found."""


def explore(plan: Plan) -> Exploration:
    """Explore a plan.

    Returns:
        What was found; `violation` is None if every schedule equals some order.

    Raises:
        Misuse: the plan cannot be explored, or a replay does not fit the program any more.
    """
    if not 2 <= len(plan.calls) <= 3:
        raise Misuse(f"explore two or three calls at the same time, not {len(plan.calls)}")
    return _Explorer(plan).explore()


class _Explorer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.limits = plan.limits
        self.begin = time.monotonic()
        self.stage = Stage(plan, naming.Names(plan.roots()))
        self.oracle = Oracle()
        self.blind: list[Order] = []
        """The order that was played before anybody knew where the steps are."""
        self.busy: dict[tuple[Key, ...], dict[Order, Run]] = {}
        self.found = 0
        self.result = Exploration(tuple(call.name for call in plan.calls), limits=plan.limits)

    def explore(self) -> Exploration:
        self._orders()
        for _ in range(RESTARTS):
            if not self._systematic():
                break
            self._orders()
        if self.plan.replay is None and not self.result.violation and self.stage.spots:
            self._random()
        self._finish()
        return self.result

    # the orders

    def _orders(self) -> None:
        """Run every sequential order, until no run shows anything new.

        The last one comes first and shows the others where the steps are; its own are seen later.
        """
        orders = [*permutations(range(len(self.plan.calls)))]
        self.oracle, self.blind = Oracle(), orders[-1:]
        self._order(orders[-1])
        for again in range(RESTARTS):
            if again:
                self.oracle, self.blind = Oracle(), []
            waiting = orders if again else orders[:-1]
            new = [self._order(order) for order in waiting]
            if not any(new):
                break
        self.oracle.orders = dict(sorted(self.oracle.orders.items()))

    def _order(self, order: Order) -> bool:
        """Play an order; whether it showed anything new."""
        self.last = self.stage.play(InOrder(order))
        judging.refuse(self.last, order, self.plan)
        self.oracle.learn(order, self.last)
        return self.stage.learn(self.last)

    # the schedules

    def _systematic(self) -> bool:
        """Turn conflicts around until nothing is left; whether new candidates were found."""
        if self.plan.replay is not None:
            return self._replay(self.plan.replay)
        orders = self.oracle.orders
        known = [replaying.switches(run) for run in orders.values()]
        self.search = Search(self.limits.preemptions, known)
        for order in orders.keys() - set(self.blind):
            self._branch(orders[order])
        while (len(self.search) or self.blind) and not self._enough():
            if self.blind and self.search.depth() != 1:
                if self._order(self.blind.pop()):
                    return True
                self._branch(self.last)
                continue
            decisions, closed = self.search.next()
            if closed and self.result.violation:
                continue  # it would be latent, too
            run = self._run(Decided(decisions), decisions)
            if self.stage.learn(run) and not self.result.violation:
                return True
            self.search.learn(run, decisions)
            if self.result.violation and not self._goes_on():
                return False
        self.result.complete = not len(self.search) and not self.blind
        return False

    def _branch(self, run: Run) -> None:
        """Count an order, which is a schedule without a preemption, and go on from it."""
        self._count(run)
        self.search.learn(run, replaying.switches(run))

    def _goes_on(self) -> bool:
        """Whether to look for an exposed violation, since only a latent one was found."""
        result = self.result
        result.after = result.schedules - self.found
        return bool(result.violation and result.violation.latent and result.after < MORE)

    def _replay(self, replay: str) -> bool:
        decisions = replaying.decisions(replay, len(self.plan.calls))
        run = self._run(Decided(decisions), decisions)
        replaying.check(replay, run)
        return False

    def _random(self) -> None:
        for number in range(self.limits.random):
            if self.result.violation or self._enough():
                return
            self.result.randoms += 1
            run = self._run(Random(self.limits.seed * 1_000 + number), None)
            self.stage.learn(run)

    def _run(self, policy: Decided | Random, decisions: Decisions | None) -> Run:
        run = self.stage.play(policy)
        self._count(run)
        if self._wrong(run, policy):
            self._violated(run, decisions)
        return run

    def _count(self, run: Run) -> None:
        result = self.result
        result.schedules += 1
        result.accesses = max(result.accesses, run.accesses)
        result.steps = max(result.steps, len(run.moves))
        result.failed &= all(map(judging.failed, run.outcome["answers"]))
        judging.note(result, run)

    def _wrong(self, run: Run, policy: Decided | Random) -> bool:
        if self.result.violation and latent(run.moves):
            return False  # no better than what is known
        if run.waits or run.hangs:
            return True
        if run.outcome["invariant"] and not self._always_broken():
            return True
        if self._judge(run).explains(run.outcome):
            return False
        order = min(self.oracle.orders)  # time may have passed: is it still the same?
        self.oracle.learn(order, self.stage.play(InOrder(order)))
        return not self._judge(run).explains(run.outcome) and self._repeats(run, policy)

    def _judge(self, run: Run) -> Oracle:
        """Who knows the orders in which the same attempts to take a lock fail, if any failed.

        That nobody waited is what such an attempt is for: "busy" is right where a lock was taken.
        """
        if not run.refused:
            return self.oracle
        if run.refused not in self.busy:
            self.busy[run.refused] = {
                order: self.stage.play(InOrder(order, run.refused)) for order in self.oracle.orders
            }
        return self.oracle.knowing(self.busy[run.refused])

    def _repeats(self, run: Run, policy: Decided | Random) -> bool:
        """Whether the schedule goes wrong again: what differs between two plays is chance."""
        for _ in range(REPEATS):
            self.oracle.compare(run, self.stage.play(policy))
            if self._judge(run).explains(run.outcome):
                return False
        return True

    def _always_broken(self) -> bool:
        return all(run.outcome["invariant"] for run in self.oracle.orders.values())

    def _violated(self, run: Run, decisions: Decisions | None) -> None:
        if decisions is None:
            decisions = replaying.switches(run)
        needs = latent(run.moves)
        self.found, self.result.after = self.result.schedules, 0
        self.result.confirmation = time.monotonic() - self.begin
        kind, words = judging.words(self.plan, self._judge(run), run)
        self.result.violation = Violation(
            kind, tuple(words), run, needs, replaying.replay_id(decisions, run)
        )

    # the end

    def _enough(self) -> bool:
        return (
            self.result.schedules >= self.limits.schedules
            or time.monotonic() - self.begin > self.limits.seconds
        )

    def _finish(self) -> None:
        result = self.result
        result.orders = dict(self.oracle.orders)
        result.candidates = tuple(sorted({(path, line) for path, line, _ in self.stage.spots}))
        result.shared = tuple(sorted({_label(watched) for watched in self.stage.watched}))
        result.seconds = time.monotonic() - self.begin
        judging.warn(result, self.plan, self.oracle)
        judging.last_words(result)
        reap()


def _label(watched: naming.Watched) -> str:
    owner, key, how = watched
    name = naming.shown(owner)
    if how == naming.WHOLE:
        return name
    return (
        f"{name}[{key}]"
        if how == naming.ITEM
        else f"{name}.{key}".removeprefix(f"{name}." if owner.endswith(":") else "")
    )
