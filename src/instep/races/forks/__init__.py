"""The fork scan: what a program made before its server forked, and its workers now share."""

from instep.races.forks.leftover import Kind, Leftover, Scan, scanned
from instep.races.forks.scan import Forks

__all__ = ["Forks", "Kind", "Leftover", "Scan", "scanned"]
