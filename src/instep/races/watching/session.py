"""One watched run of a test-suite: the hook, the pass, the ways in, and what they found."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from instep.races.watching import probe
from instep.races.watching.hook import Watch, watch
from instep.races.watching.lockset import Lockset
from instep.races.watching.requests import Doors


class Session:
    """Watches from now on, until `stop`.

    Args:
        roots: folders of the user's own modules.
        only: leaves out a file for which it is false.
    """

    def __init__(self, roots: Sequence[Path], only: Callable[[Path], bool] | None = None) -> None:
        self.watch: Watch = watch(roots, None, only)
        self.early = self.watch.missed()
        """The user's modules that were imported before, and so are not watched."""
        self.lockset = Lockset(self._modules)
        self.doors = Doors(self.lockset)
        probe.listen(self.lockset)

    def _modules(self) -> dict[str, dict[str, Any]]:
        """The globals of the user's own modules."""
        names = [*self.watch.modules, *self.early]
        return {name: sys.modules[name].__dict__ for name in names if name in sys.modules}

    def stop(self) -> dict[str, Any]:
        """Leave the program alone, and say what was seen.

        Returns:
            Plain data: `findings` as `instep check` writes them, `requests`, `modules`, `early`,
            `failed`, and `error` if the pass itself was at fault.
        """
        candidates = self.lockset.candidates()
        self.doors.close()
        self.watch.stop()
        error = self.lockset.error
        return {
            "version": 1,
            "findings": [candidate.data() for candidate in candidates],
            "requests": self.lockset.requests,
            "modules": sorted(self.watch.modules),
            "early": self.early,
            "failed": self.watch.failed,
            "error": f"{type(error).__name__}: {error}" if error else "",
        }


def merged(reports: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What several processes saw of one program, as one report."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    whole: dict[str, Any] = {"version": 1, "findings": [], "requests": 0, "error": ""}
    modules: set[str] = set()
    early: set[str] = set()
    failed: dict[str, str] = {}
    for report in reports:
        for finding in report["findings"]:
            sites = [(site["path"], site["line"], site["column"]) for site in finding["sites"]]
            found.setdefault((finding["rule"], *sites), finding)
        whole["requests"] += report["requests"]
        whole["error"] = whole["error"] or report["error"]
        modules |= set(report["modules"])
        early |= set(report["early"])
        failed |= report["failed"]
    order = {"high": 0, "medium": 1, "low": 2}
    found_in_order = sorted(
        found.values(), key=lambda each: (order[each["severity"]], each["location"], each["line"])
    )
    return whole | {
        "findings": found_in_order,
        "modules": sorted(modules),
        "early": sorted(early),
        "failed": failed,
    }
