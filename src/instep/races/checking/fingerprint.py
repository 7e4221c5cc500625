"""The fingerprint of a finding: the same after lines have moved, another after the line changed.

It is made of the rule, the file, the piece of state, the function, and the line that writes without
its spaces and its comment. Names of modules are not in it whole: they depend on where one starts.
"""

from __future__ import annotations

from hashlib import sha256

from ..rules.finding import Finding


def fingerprint(finding: Finding, line: str) -> str:
    """Sixteen hexadecimal digits.

    Args:
        finding: what was found.
        line: of the source, at the finding's place.
    """
    location, place = finding.location, finding.place
    code = " ".join(line.partition("#")[0].split())
    owner, function = (name.rpartition(".")[2] for name in (location.owner, place.function))
    parts = (finding.rule, place.path, location.root, owner, str(location), function, code)
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
