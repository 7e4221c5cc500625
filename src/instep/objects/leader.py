"""Leaders: one of all workers, until it ends; then another one.

How it stays right. `seat` says who may believe that it leads, and for how long; `campaign` asks it,
in a thread beside the program. What a leader does elsewhere may still be under way when another one
begins, if its process was paused: the fence is the remedy.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

from ..errors import LeaseLost, Misuse
from .campaign import Campaign
from .names import Named, Owner
from .seat import Candidate


class Term(NamedTuple):
    """For how long a worker leads.

    Args:
        name: the leader's name.
        fence: a number that grows with every term: hand it to what the leader works on, which then
            can refuse a caller whose number is older than one it has seen.
    """

    name: str
    fence: int


def _nothing() -> None:
    """What is called where the program has nothing to begin or to end."""


class Leader(Named):
    """One of all workers, for what only one may do; made by `Space.leader`.

    `campaign` has this worker stand for it, `leads` tells whether it does. A process that does
    nothing else waits for it by `with`.

    Example:
        >>> from instep import Space
        >>> leader = Space("memory:").leader("scheduler")
        >>> leader.leads
        False
        >>> with leader as term:  # waits until this worker leads
        ...     leader.leads, term.fence
        (True, 1)
    """

    def __init__(self, space: Owner, name: str, key: bytes, lease: float) -> None:
        self._space = space
        self._name = name
        self._key = key
        self._lease = lease
        self._campaign: Campaign | None = None
        self._entered: Term | None = None

    def __repr__(self) -> str:
        return f"<leader {self._name!r}>"

    @property
    def leads(self) -> bool:
        """Whether this worker leads now; it is told at once, without asking the store."""
        return self.term is not None

    @property
    def term(self) -> Term | None:
        """The term in which this worker leads now, or None."""
        seat = None if self._campaign is None else self._campaign.seat
        return None if seat is None else Term(self._name, seat.fence)

    def campaign(
        self, start: Callable[[], object] = _nothing, stop: Callable[[], object] = _nothing
    ) -> None:
        """Stand for it, in the background, until `resign` or the end of the process.

        The first try comes a second later. A forked child stands for it as well.

        Args:
            start: is called when this worker begins to lead; it should return soon. If it fails,
                another one may lead.
            stop: is called when it leads no more; also at exit, and if `start` failed.

        Raises:
            Misuse: it is standing for it already.

        Example:
            >>> from instep import Space
            >>> leader = Space("memory:").leader("scheduler")
            >>> leader.campaign(start=lambda: print("on"), stop=lambda: print("off"))
            >>> leader.resign()
        """
        self._stand(start, stop, inherited=True).begin_later()

    def resign(self) -> None:
        """Lead no more, and stand for it no more; then another one may. It waits for `stop`."""
        campaign, self._campaign = self._campaign, None
        if campaign is not None:
            campaign.end()

    def __enter__(self) -> Term:
        """Wait until this worker leads, for as long as it takes.

        Raises:
            Misuse: it is standing for it already, or the name is something else in the store.
        """
        campaign = self._stand(_nothing, _nothing, inherited=False)
        campaign.begin()
        try:
            while True:
                campaign.elected.wait()
                term = self.term
                if term is not None:
                    self._entered = term
                    return term
                if campaign.over:
                    raise campaign.failure or Misuse(
                        f"{self!r}: this process does not lead: it was told to resign, or it is "
                        "the parent of Flask's reloader"
                    )
        except BaseException:
            self.resign()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Lead no more.

        Raises:
            LeaseLost: it did not lead to the end of the block.
        """
        entered, self._entered = self._entered, None
        lasted = self.term == entered
        self.resign()
        if kind is None and not lasted:
            raise LeaseLost(
                f"this worker no longer led {self._name!r} at the end of the block: it was paused "
                "for too long, or the store was; ask `leads` before each step"
            )

    def _stand(
        self, start: Callable[[], object], stop: Callable[[], object], *, inherited: bool
    ) -> Campaign:
        if self._campaign is not None and not self._campaign.over:
            raise Misuse(f"{self!r}: this worker is standing for it already: resign() first")
        space = self._space
        candidate = Candidate(space.opened(), space.codec, self._name, self._key, self._lease)
        self._campaign = Campaign(self._name, candidate, start, stop, inherited=inherited)
        return self._campaign
