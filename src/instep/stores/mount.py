"""Which file system a path is on: shared memory and kernel locks end at the machine's edge."""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")
_NETWORK = frozenset(
    (
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "ceph",
        "afs",
        "lustre",
        "gfs2",
        "ocfs2",
        "beegfs",
    )
)


def network_file_system(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the network file system that holds `folder`, or None if it is local.

    Args:
        folder: an existing folder.
        mounts: the kernel's list of mounts; proc(5), `/proc/pid/mountinfo`.
    """
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return None
    place, best, kind = folder.resolve(), -1, ""
    for line in lines:
        left, _, right = line.partition(b" - ")
        # The kernel writes blanks and the like as three octal digits.
        point = Path(os.fsdecode(_OCTAL.sub(lambda m: bytes([int(m[1], 8)]), left.split()[4])))
        # Of two mounts at one place the later one is on top.
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), right.split()[0].decode()
    remote = kind in _NETWORK or (kind.startswith("fuse.") and kind not in ("fuse.fuse-overlayfs",))
    return kind if remote else None
