"""Records as plain bytes: the header, the expiry, and keys that are too long for an engine."""

import time
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep import StoreError
from instep.stores.record import alive, data_of, decode, full_key, shorten, successor

KEYS = st.binary(min_size=1, max_size=4096)


@settings(deadline=None)
@given(KEYS, st.binary())
def test_key_and_data_come_back(key: bytes, data: bytes) -> None:
    """Whatever the bytes, and however long the key."""
    raw = successor(key, None, data)
    assert full_key(shorten(key), raw) == key
    assert decode(raw).data == data
    assert data_of(raw) == data


@pytest.mark.parametrize("size", [*range(440, 520), 4096])
def test_short_and_shortened_keys_are_told_apart(size: int) -> None:
    """No key is stored under another one's place, not even one made to look like it."""
    long = b"k" * size
    assert len(shorten(long)) <= 511
    forged = shorten(b"k" * 600)
    assert forged != b"k" * 600
    assert shorten(forged) != forged
    assert shorten(long) != shorten(long[:-1] + b"j")


def test_a_shortened_key_keeps_its_beginning() -> None:
    """So a scan by prefix finds it near its neighbours."""
    long = b"name\0" + b"k" * 600
    assert long.startswith(shorten(long)[:400])
    assert sha256(long).digest() in shorten(long)


def test_a_record_never_repeats() -> None:
    """Equal data written twice are two records, so a comparison sees the write in between."""
    first = successor(b"n", None, b"a")
    assert successor(b"n", None, b"a") != first
    assert successor(b"n", first, b"a") != first


def test_versions_count_and_expiries_stay() -> None:
    """What follows a record has the next version and its expiry, unless told otherwise."""
    later = time.time() + 100
    first = successor(b"n", None, b"a", later)
    assert decode(first)[0:3:2] == (1, later)
    assert decode(successor(b"n", first, b"b"))[0:3:2] == (2, later)
    assert decode(successor(b"n", first, b"b", 0.0)).expires == 0.0


def test_an_expired_record_is_nothing() -> None:
    """Its data are gone; what follows it counts on, but does not expire."""
    raw = successor(b"n", None, b"a", time.time() - 1)
    assert data_of(raw) is None
    assert alive(decode(raw)) is None
    after = decode(successor(b"n", raw, b"b"))
    assert (after.version, after.expires) == (2, 0.0)


def test_a_newer_format_is_refused() -> None:
    """With advice; it is never guessed at."""
    raw = bytearray(successor(b"n", None, b"a"))
    raw[0] += 1
    for read in (decode, data_of):
        with pytest.raises(StoreError, match="newer release"):
            read(bytes(raw))


@pytest.mark.parametrize("size", [0, 1, 10, 25])
def test_what_is_no_record_is_refused(size: int) -> None:
    """Bytes that are too short for a header are the store's error, not struct's."""
    for read in (decode, data_of):
        with pytest.raises(StoreError):
            read(b"\x01" * size)
