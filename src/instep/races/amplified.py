"""What an amplification did: told by the processes that slept, put together by the prover."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PAUSE = 0.0005
"""Seconds of one sleep."""

SHOWN = 5
"""How many places are told."""


@dataclass(frozen=True, slots=True)
class Amplified:
    """What the amplification of one run did.

    Args:
        seed: what the draws came from.
        modules: how many of the program's own modules were instrumented.
        sleeps: how many there were.
        places: where the most were, as `path:line`, with how many.
    """

    seed: int
    modules: int
    sleeps: int
    places: tuple[tuple[str, int], ...]


def amplified(seed: int, told: Iterable[Mapping[str, Any]]) -> Amplified:
    """What several processes did, together.

    Args:
        seed: of them all.
        told: by each of them.
    """
    places: Counter[str] = Counter()
    modules = 0
    for each in told:
        places.update(each["places"])
        modules = max(modules, each["modules"])
    return Amplified(seed, modules, places.total(), tuple(places.most_common(SHOWN)))
