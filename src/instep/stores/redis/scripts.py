"""The scripts: Lua files beside the store, and commands as Redis reads them.

A script is called by its digest. A server that does not know it (it is new, was restarted, lost a
failover, or somebody said SCRIPT FLUSH) is sent the whole text.
"""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple

_FOLDER = files(__package__) / "lua"


def packed(*words: bytes) -> bytes:
    """Words as Redis reads them, without their count."""
    return b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])


def command(*words: bytes) -> bytes:
    """A whole command."""
    return b"*%d\r\n%b" % (len(words), packed(*words))


class Script:
    """A script on the server.

    Args:
        names: the files it is made of, in their order.
    """

    def __init__(self, *names: str) -> None:
        text = "\n".join((_FOLDER / f"{name}.lua").read_text() for name in names).encode()
        digest = sha1(text, usedforsecurity=False).hexdigest().encode()
        self.short = packed(b"EVALSHA", digest)
        self.long = packed(b"EVAL", text)


class Request(NamedTuple):
    """A call of a script.

    Args:
        script: which.
        shard: where its keys are.
        keys: how many they are.
        words: how many keys and arguments there are.
        body: these, packed.
        flagged: whether one more argument says if it is sent again.
        writes: whether replicas are to be waited for.
    """

    script: Script
    shard: int
    keys: int
    words: int
    body: bytes
    flagged: bool = False
    writes: bool = False

    def command(self, again: bool, whole: bool) -> bytes:
        """As it is sent.

        Args:
            again: it may have been sent before.
            whole: with the script's text.
        """
        script, _, keys, words, body, flagged, _ = self
        head, size = script.long if whole else script.short, packed(b"%d" % keys)
        if flagged:
            flag = b"$1\r\n1\r\n" if again else b"$1\r\n0\r\n"
            return b"*%d\r\n%b%b%b%b" % (words + 4, head, size, body, flag)
        return b"*%d\r\n%b%b%b" % (words + 3, head, size, body)


HOLD = Script("record", "hold")
COMMIT = Script("record", "commit")
RELEASE = Script("record", "release")
RENEW = Script("record", "renew")
ADD = Script("record", "update", "add")
PUT = Script("record", "update", "put")
SWAP = Script("record", "update", "swap")
