"""Bytes that this codec never wrote: refused as corrupt, whatever they are, and nothing crashes."""

import struct
import threading
from datetime import date
from typing import Any

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.codec import Codec
from instep.errors import StoreError
from test_codec import SHARED, VALUES, Item, parts


def ext(code: int, payload: bytes) -> bytes:
    """Return a msgpack extension."""
    return b"\xc9" + struct.pack(">Ib", len(payload), code) + payload


def nested_ext(levels: int, lists: int = 0, code: int = 1) -> bytes:
    """Return extensions inside each other, with lists in between."""
    data = b"\x90"
    for _ in range(levels):
        data = b"\x91" * lists + ext(code, data)
    return data


HOSTILE = {
    "empty": b"",
    "truncated": b"\x92\x01",
    "huge array": b"\xdd\xff\xff\xff\xff",
    "huge map": b"\xdf\xff\xff\xff\xff",
    "reserved": b"\xc1",
    "not text": b"\xa2\xff\xff",
    "unknown kind": ext(99, b"\x90"),
    "negative kind": ext(-1, b"\x90"),
    "int keys": b"\x81\x01\x01",
    "bad date": ext(8, ormsgpack.packb([2020, 13, 1])),
    "bad zone": ext(12, ormsgpack.packb("../../etc/passwd")),
    "bad uuid": ext(15, b"x"),
    "bad decimal": ext(13, b"one"),
    "zero fraction": ext(14, ormsgpack.packb([1, 0])),
    "unhashable": ext(2, ormsgpack.packb([[1]])),
    "uneven map": ext(18, ormsgpack.packb([[1], []])),
    "any factory": ext(21, ormsgpack.packb(["eval", [], []])),
    "no record": ext(0, ormsgpack.packb([1])),
    "undeclared": ext(0, ormsgpack.packb(["os.system", 0, {}])),
    "wrong state": ext(0, ormsgpack.packb(["Point", 0, 5])),
    "wrong content": ext(0, ormsgpack.packb(["Money", 0, ["x", {}]])),
    "no member": ext(0, ormsgpack.packb(["Color", 0, "GREEN"])),
    "newer": ext(0, ormsgpack.packb(["Item", 7, {"name": 1, "tags": []}])),
    "no place": ext(0, ormsgpack.packb(["Key", 0, {"at": 1, "b": 2}])),
    "deep lists": b"\x91" * 100_000,
    "deep kinds": nested_ext(10_000),
    "deep objects": nested_ext(10_000, code=0),
    "deep kinds and lists": nested_ext(60, 1000),
    "deep kinds and some lists": nested_ext(990, 100),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_a_store_error(name: str) -> None:
    """Bytes made by hand to mislead are refused as what they are, and nothing crashes."""
    with pytest.raises(StoreError):
        SHARED.unpack(HOSTILE[name])


def test_hostile_depth_does_not_end_a_thread_with_a_small_stack() -> None:
    """Depth is measured before it is decoded: a stack of 4 MB, half the usual, survives."""
    caught: list[Exception] = []

    def read() -> None:
        for data in (nested_ext(60, 1000), nested_ext(63, 250), nested_ext(10_000)):
            try:
                SHARED.unpack(data)
            except StoreError as error:
                caught.append(error)

    before = threading.stack_size(4 * 1024 * 1024)
    try:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert len(caught) == 3


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_give_a_value_or_a_store_error(data: bytes) -> None:
    """Whatever the bytes, nothing but a StoreError comes out of them."""
    try:
        SHARED.unpack(data)
    except StoreError:
        pass


@settings(max_examples=300, deadline=None)
@given(VALUES, st.data())
def test_damaged_bytes_give_a_value_or_a_store_error(value: Any, data: st.DataObject) -> None:
    """A record with a byte changed, or cut off anywhere, is no reason to crash."""
    packed = bytearray(SHARED.pack(value, "it"))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] = data.draw(st.integers(0, 255))
    for damaged in (packed, packed[:at]):
        try:
            SHARED.unpack(bytes(damaged))
        except StoreError:
            pass


def test_undeclared_class_names_the_way_out() -> None:
    """A record of a class that this program does not know says how to make it known."""
    packed = SHARED.pack([Item("x")], "it")
    with pytest.raises(StoreError, match=r"space\.declare\(Item\)"):
        Codec().unpack(packed)


def test_memoryview_can_be_read() -> None:
    """A store may hand over a view of its own memory; nothing read keeps it alive."""
    packed = bytearray(SHARED.pack([b"ab", (1, bytearray(b"c"))], "it"))
    value = SHARED.unpack(memoryview(packed))
    packed[:] = bytes(len(packed))
    assert parts(value) == parts([b"ab", (1, bytearray(b"c"))])


def test_a_date_is_not_a_datetime() -> None:
    """Dates, which datetimes are a kind of, stay dates."""
    assert type(SHARED.unpack(SHARED.pack(date(2020, 1, 1), "it"))) is date
