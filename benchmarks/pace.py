"""How long a run takes: everything, in about ten minutes, or a quick look."""

from dataclasses import dataclass

Cell = tuple[int, int]
"""Processes, threads in each."""

GOAL: Cell = (4, 4)
"""The cell that the project's own figures are about."""


@dataclass(frozen=True, slots=True)
class Stores:
    """How much is done with the stores on servers.

    Args:
        rounds: how often the contenders of single calls and of growth take turns.
        turn: seconds that one contender has in one round.
        heat: seconds that the hot object is wanted, for each engine.
        handover: likewise the lock.
        spread: likewise the many objects, for each number of processes.
        processes: those numbers.
        sizes: objects in the stores.
        small_sizes: objects in those that take too long to fill.
    """

    rounds: int
    turn: float
    heat: float
    handover: float
    spread: float
    processes: tuple[int, ...]
    sizes: tuple[int, ...]
    small_sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Caches:
    """How much is done with caches, rate limits and resources.

    Args:
        rounds: how often the contenders of single calls take turns.
        turn: seconds that one contender has in one round.
        cells: processes and threads that miss one key at once.
        rushes: how often they do, for each contender.
        stream: seconds for which a key that expires is wanted, for each contender.
    """

    rounds: int
    turn: float
    cells: tuple[Cell, ...]
    rushes: int
    stream: float


@dataclass(frozen=True, slots=True)
class Finder:
    """How much is done with the race finder.

    Args:
        rounds: how often each program is checked.
        sizes: lines of the generated programs.
    """

    rounds: int
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of each measurement is done.

    Args:
        rounds: how often the contenders of single calls and of growth take turns.
        turn: seconds that one contender has in one round.
        cells: the processes and threads of the hot object.
        heat: seconds that each cell lasts for each contender.
        goal_heat: likewise of the cell that a goal is about. A wait cannot last longer than its
            cell, so a short one would flatter whoever lets callers wait.
        heats: rounds of that cell; the others have one.
        sizes: entries of the mappings.
        page: seconds of load on the page, per contender and round.
        pages: rounds of the page.
        stores: the stores on servers.
        caches: caches, rate limits and resources.
        finder: the race finder.
    """

    rounds: int
    turn: float
    cells: tuple[Cell, ...]
    heat: float
    goal_heat: float
    heats: int
    sizes: tuple[int, ...]
    page: float
    pages: int
    stores: Stores
    caches: Caches
    finder: Finder


FULL = Pace(
    rounds=25,
    turn=0.02,
    cells=tuple((processes, threads) for threads in (1, 4) for processes in (1, 2, 4, 8)),
    heat=1.0,
    goal_heat=3.0,
    heats=3,
    sizes=(1_000, 100_000, 1_000_000),
    page=0.7,
    pages=15,
    stores=Stores(
        rounds=25,
        turn=0.04,
        heat=3.0,
        handover=2.0,
        spread=1.5,
        processes=(1, 2, 4, 8),
        sizes=(100, 10_000, 1_000_000),
        small_sizes=(100, 10_000, 100_000),
    ),
    caches=Caches(rounds=25, turn=0.02, cells=((4, 2), (4, 25)), rushes=3, stream=3.5),
    finder=Finder(rounds=5, sizes=(23_000, 150_000)),
)

QUICK = Pace(
    rounds=5,
    turn=0.005,
    cells=((1, 1), GOAL),
    heat=0.4,
    goal_heat=1.0,
    heats=1,
    sizes=(1_000, 30_000),
    page=0.4,
    pages=3,
    stores=Stores(
        rounds=5,
        turn=0.01,
        heat=0.8,
        handover=0.5,
        spread=0.4,
        processes=(1, 4),
        sizes=(100, 10_000),
        small_sizes=(100, 1_000),
    ),
    caches=Caches(rounds=5, turn=0.005, cells=((4, 2),), rushes=1, stream=1.5),
    finder=Finder(rounds=1, sizes=(23_000,)),
)
