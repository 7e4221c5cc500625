"""The rules: each a question to the traces of a program, with a page that explains it."""

from instep.races.rules.rule import RULES, Rule, page
from instep.races.rules.search import find

__all__ = ["RULES", "Rule", "find", "page"]
