"""Stores of other packages, found by entry point.

A package names the scheme of its URLs and a function that takes a URL and gives an `Engine`:

    [project.entry-points."instep.stores"]
    sqlite = "instep_sqlite:engine"
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InstepError, Misuse, StoreError
from .address import shown
from .base import Engine, Powers

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "instep.stores"


def registered(scheme: str, url: str) -> Engine | None:
    """The engine that another package has for a URL, or None if no package knows its scheme.

    Raises:
        Misuse: two packages know it, or the package's own for the URL.
        StoreError: the package is broken.
    """
    from importlib.metadata import entry_points  # slow, and few need it

    points = list(
        {_named(point): point for point in entry_points(group=GROUP, name=scheme)}.values()
    )
    if not points:
        return None
    if len(points) > 1:
        raise Misuse(
            f"{scheme}: is a store of {' and of '.join(sorted(map(_named, points)))}: uninstall "
            "all but one"
        )
    [point] = points
    try:
        found = point.load()(url)
    except InstepError:
        raise
    except Exception as error:
        said = str(error).replace(url, shown(url))
        raise _broken(point, f"failed for {shown(url)} ({type(error).__name__}: {said})") from error
    if not _is_engine(found):
        raise _broken(
            point, f"gave no Engine(url, powers, open) for {shown(url)}, but {type(found).__name__}"
        )
    engine: Engine = found
    return engine


def _is_engine(found: object) -> bool:
    return (
        isinstance(found, Engine)
        and isinstance(found.url, str)
        and isinstance(found.powers, Powers)
        and callable(found.open)
    )


def _named(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "a package without a name"
    return f"{package} ({point.value})"


def _broken(point: EntryPoint, what: str) -> StoreError:
    return StoreError(
        f"the store {point.name}: of {_named(point)} {what}: mend or reinstall that package"
    )
