"""Explore: two or three requests under a scheduler that tries the orders that make a difference.

`explore(plan)` runs calls as threads that switch only at shared state and at locks, each schedule
in a forked copy of the process, and compares what comes of it with the sequential orders.
"""

from instep.races.exploring.exploring import explore
from instep.races.exploring.plan import Call, Exploration, Limits, Plan, Violation

__all__ = ["Call", "Exploration", "Limits", "Plan", "Violation", "explore"]
