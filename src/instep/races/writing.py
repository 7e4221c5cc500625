"""Writing a file whole: it takes its place in one step, or everything stays as it was."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkdtemp

from instep.errors import Misuse


def write(path: Path, text: str) -> None:
    """Put a text into a file, in place of what was there.

    What is no regular file (a pipe, `/dev/stdout`) is written to as it is.

    Args:
        path: of the file; its folder must be there.
        text: written as UTF-8.

    Raises:
        Misuse: it cannot be written.
    """
    target = Path(os.path.realpath(path))
    data = text.encode("utf-8", "backslashreplace")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(target, data)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Misuse(f"{path} cannot be written: {error.strerror}") from None


def _replace(target: Path, data: bytes) -> None:
    # A folder beside it, so that the new file has the mode that files here have.
    beside = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    new = beside / target.name
    try:
        new.write_bytes(data)
        if target.exists():
            new.chmod(target.stat().st_mode & 0o777)
        os.replace(new, target)
    finally:
        new.unlink(missing_ok=True)
        beside.rmdir()
