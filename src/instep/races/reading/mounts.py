"""Where blueprints are mounted, so that a route is what a client asks for.

How it stays right. A view is found before anybody knows where its blueprint will be registered:
in another file, in a factory, under another blueprint, twice. So a route carries a mark in place
of the prefix, and the marks are resolved when everything has been read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from instep.races.reading.values import Object, Value

if TYPE_CHECKING:
    from instep.races.reading.functions import Arguments

MARK = re.compile("\0([0-9]+)\0")
MOST = 4
"""Prefixes of one blueprint; more are left out."""

DEEPEST = 6
"""Blueprints in blueprints."""

Site = tuple[str, int, int]


class Mounts:
    """The blueprints, namespaces and APIs of a program, by the place that makes each."""

    def __init__(self) -> None:
        self._sites: list[Site] = []
        self._own: dict[Site, str] = {}
        self._under: dict[Site, list[tuple[Site | None, str | None]]] = {}

    def made(self, thing: Object, given: Arguments) -> None:
        """Note the prefix that a blueprint is made with."""
        last = thing.what.rpartition(".")[2]
        if last == "Blueprint":
            self._own[thing.site] = _text(given.keywords.get("url_prefix")) or ""
        elif last == "Namespace" and "rest" in thing.what:
            named = _text(given.positional[0]) if given.positional else None
            path = _text(given.keywords.get("path"))
            self._own[thing.site] = path if path is not None else f"/{named or ''}"
        elif last == "Api":
            self._own[thing.site] = _text(given.keywords.get("prefix")) or ""
            for parent in given.positional[0].objects() if given.positional else ():
                self._add(thing.site, parent.site, None)

    def mounted(self, name: str, given: Arguments, owner: Object | None) -> None:
        """`app.register_blueprint(bp, url_prefix="/shop")`, `api.add_namespace(ns, "/shop")`."""
        key, number = ("url_prefix", 9) if name == "register_blueprint" else ("path", 1)
        prefix = _text(given.keywords.get(key))
        if prefix is None and len(given.positional) > number:
            prefix = _text(given.positional[number])
        for thing in given.positional[0].objects() if given.positional else ():
            self._add(thing.site, owner.site if owner else None, prefix)

    def mark(self, value: Value) -> str:
        """What stands for the prefix of a blueprint until it is known."""
        for thing in value.objects():
            if thing.site in self._own:
                if thing.site not in self._sites:
                    self._sites.append(thing.site)
                return f"\0{self._sites.index(thing.site)}\0"
        return ""

    def resolved(self, routes: Iterable[str]) -> tuple[str, ...]:
        """The routes with their prefixes."""
        return tuple(dict.fromkeys(one for route in routes for one in self._routes(route)))

    def _routes(self, route: str) -> Iterator[str]:
        found = MARK.search(route)
        if found is None:
            yield route
            return
        before, path = route[: found.start()], route[found.end() :]
        for prefix in list(self._prefixes(self._sites[int(found[1])]))[:MOST]:
            yield before + joined(prefix, path)

    def _prefixes(self, site: Site, depth: int = 0) -> Iterator[str]:
        own = self._own.get(site, "")
        for parent, given in self._under.get(site, [(None, None)]):
            prefix = own if given is None else given
            if parent is None or parent not in self._own or depth > DEEPEST:
                yield prefix
            else:
                for above in self._prefixes(parent, depth + 1):
                    yield joined(above, prefix) if prefix else above

    def _add(self, site: Site, parent: Site | None, prefix: str | None) -> None:
        known = self._under.setdefault(site, [])
        if (parent, prefix) not in known:
            known.append((parent, prefix))


def joined(prefix: str, path: str) -> str:
    """A path below a prefix, as Flask joins them.

    Example:
        >>> joined("/shop/", "/order"), joined("/shop", ""), joined("", "/order")
        ('/shop/order', '/shop', '/order')
    """
    if not prefix:
        return path
    return f"{prefix.rstrip('/')}/{path.lstrip('/')}" if path else prefix


def _text(value: Value | None) -> str | None:
    known = value.constant() if value is not None else None
    return known if isinstance(known, str) else None
