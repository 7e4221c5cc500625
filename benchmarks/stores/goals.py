"""The figures that the project set itself for the stores on servers."""

from collections.abc import Iterator

from benchmarks.goals import Goal, at_least, at_most
from benchmarks.stores import HOT, Stores, recipes
from benchmarks.stores.calls import CALL, FLOOR, INCREMENT, Group
from benchmarks.stores.handover import PROCESSES
from benchmarks.stores.places import REDIS

_FLAT = 1.3
_OFF = 0.1  # by which two stores of one size may differ, for a figure to say anything
_MOST = {(CALL, recipes.GET): 2.5, (CALL, recipes.LOCKED): 0.6, (INCREMENT, recipes.INCR): 1.2}
_MOST |= {(CALL, FLOOR): 2.2}
_LEAST = {(recipes.ORM, CALL): 1.5}


def of_stores(found: Stores) -> Iterator[Goal]:
    """Calls beside the usual recipes, right counts, prompt handovers, flat costs."""
    for group in found.calls:
        yield from _of_calls(group)
    yield from _of_heat(found)
    yield from _of_handover(found)
    yield from _of_growth(found)


def _of_calls(group: Group) -> Iterator[Goal]:
    for pair in group.pairs:
        what, place = f"{group.name}: {pair.one}, to {pair.other}", (pair.one, pair.other)
        if place in _MOST:
            yield at_most(what, pair.ratio, _MOST[place])
        if place in _LEAST:
            yield at_least(what, pair.ratio, _LEAST[place])


def _of_heat(found: Stores) -> Iterator[Goal]:
    for heat in found.hot:
        wrong, errors = heat.lost, len(heat.errors)
        yield Goal(
            f"{heat.name}: hot object, {HOT[0]} processes x {HOT[1]} threads",
            "0 lost, no error",
            f"{wrong} lost, {errors or 'no'} error{'s' * (errors > 1)}",
            not wrong and not errors,
        )


def _of_handover(found: Stores) -> Iterator[Goal]:
    for one in found.handover:
        if one.name == REDIS:
            yield Goal(
                f"{one.name}: lock handed over among {PROCESSES} processes, median",
                "< 2 ms",
                f"{one.median * 1e3:.2f} ms",
                one.median < 0.002,
            )


def _of_growth(found: Stores) -> Iterator[Goal]:
    for engine in dict.fromkeys(cost.engine for cost in found.growth):
        costs = [cost for cost in found.growth if cost.engine == engine]
        control = next(cost.ratio for cost in costs if cost.control)
        largest = max(costs, key=lambda cost: cost.size)
        yield Goal(
            f"{engine}: a call with {largest.size:,} objects in the store, to the smallest",
            f"≤ {_FLAT:g}x, the control within {_OFF:.0%}",
            f"{largest.ratio:.2f}x, {control:.2f}x",
            largest.ratio <= _FLAT and 1 - _OFF <= control <= 1 + _OFF,
        )
