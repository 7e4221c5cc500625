"""The front end of the finder: it reads a program and never imports it.

`ast` and nothing else: from files to modules, names and values, and from the places where a request
enters to everything that it reads and writes on the way.
"""

from instep.races.reading.reader import read

__all__ = ["read"]
