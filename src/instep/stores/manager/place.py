"""Where a manager is, and the key that both ends must know, which is never in the URL."""

from __future__ import annotations

import os
import secrets
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from ...errors import Misuse, StoreError
from ..address import parse

ENVIRONMENT = "INSTEP_MANAGER_KEY"
_LEAST = 16  # bytes of a key; fewer can be guessed from one conversation that somebody listened to
_LONGEST = 107  # bytes of a socket's path: the kernel's limit


@dataclass(frozen=True, slots=True)
class Place:
    """A manager's address.

    Args:
        shown: the URL.
        path: of its socket, or None for TCP.
        host: where it listens, or the empty text.
        port: likewise, or 0.
        keyfile: the file with the key, or None if only the environment may have it.
        named: whether the URL names that file; then the environment is not asked.
    """

    shown: str
    path: str | None
    host: str
    port: int
    keyfile: str | None
    named: bool

    def socket(self) -> socket.socket:
        """A socket of its kind, not connected, made by whatever `socket` is by now."""
        family = socket.AF_UNIX if self.path else socket.AF_INET6 if ":" in self.host else 0
        return socket.socket(family or socket.AF_INET, socket.SOCK_STREAM)

    def address(self) -> str | tuple[str, int]:
        """What to connect to."""
        return self.path or (self.host, self.port)

    def key(self, *, make: bool = False) -> bytes:
        """The key.

        Args:
            make: write a new one to the file if there is none; for the server.

        Raises:
            StoreError: there is no key, or it is one that others could know.
        """
        found = None if self.named else os.environ.get(ENVIRONMENT)
        if found:
            return self._long_enough(found.encode(), f"the environment's {ENVIRONMENT}")
        if self.keyfile is None:
            raise StoreError(
                f"{self.shown}: there is no key: set {ENVIRONMENT} in the environment, at the "
                "server and here, or name a file that has it with ?keyfile=PATH"
            )
        if make:
            _write_new(self.keyfile)
        return self._long_enough(_read_secret(self.keyfile, self.shown), self.keyfile)

    def _long_enough(self, key: bytes, where: str) -> bytes:
        if len(key) < _LEAST:
            raise StoreError(
                f"{self.shown}: the key in {where} has {len(key)} bytes, and one that cannot be "
                f"guessed has at least {_LEAST}: python -c 'import secrets; "
                "print(secrets.token_hex())' makes one"
            )
        return key


def place(url: str) -> Place:
    """Where a manager's URL leads.

    Raises:
        Misuse: it is not one; the message does not repeat a password.
    """
    address = parse(url)
    address.allow("keyfile")
    if address.user or address.password:
        raise Misuse(
            f"{address.shown}: a manager's key does not belong in the URL, which gets logged: "
            f"set {ENVIRONMENT}, or name a file that has it with ?keyfile=PATH"
        )
    named = address.options.get("keyfile")
    keyfile = os.path.abspath(named) if named else None
    if address.hosts:
        [(host, port), *others] = address.hosts
        if others or port is None or address.path.strip("/"):
            raise Misuse(f"{address.shown}: the URL is manager://HOST:PORT, and nothing behind it")
        return Place(address.shown, None, host, port, keyfile, bool(named))
    if not address.path.strip("/"):
        raise Misuse(f"{address.shown}: the URL is manager:/PATH/OF.sock or manager://HOST:PORT")
    path = os.path.abspath(address.path)
    if len(os.fsencode(path)) > _LONGEST:
        raise Misuse(
            f"{address.shown}: a socket's path has at most {_LONGEST} bytes, and {path} has "
            f"{len(os.fsencode(path))}: choose a shorter one, in /run or /tmp"
        )
    return Place(address.shown, path, "", 0, keyfile or path + ".key", bool(named))


def _write_new(path: str) -> None:
    """Write a new key, unless there is a file already."""
    draft = f"{path}.{secrets.token_hex(8)}"
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: a key cannot be written there: {error.strerror}") from None
    try:
        with open(file, "w") as draft_file:
            draft_file.write(secrets.token_hex() + "\n")
        os.link(draft, path)  # whole, or not at all, and never in the place of another
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)


def _read_secret(path: str, shown: str) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(
            f"{shown}: the key cannot be read from {path}: {error.strerror}; the server writes it "
            f"when it starts: instep serve {shown}"
        ) from None
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        os.close(file)
        raise StoreError(f"{shown}: {path} is not a file that could have a key: name one that is")
    with open(file, "rb") as secret:
        if found.st_mode & 0o077:
            raise StoreError(
                f"{shown}: others may read or write the key in {path}: it is no secret any more; "
                "delete it, restart the server, which makes a new one, and keep it 0600"
            )
        if found.st_uid not in (os.geteuid(), 0):
            raise StoreError(f"{shown}: {path} belongs to user {found.st_uid}, who knows the key")
        return secret.read(4096).strip()
