"""Dumps: every record comes back as the same bytes, and a damaged dump writes nothing."""

import json
import os
import time
from contextlib import closing
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep import Misuse, Space, StoreError
from instep.codec import Codec
from instep.moving import dump, load
from instep.moving.dumping import in_place_of
from instep.moving.lines import line_of, name_of, read, record_of, written
from instep.stores import engine
from instep.stores.base import Record, Store
from instep.stores.memory import MemoryStore
from moving_fill import fill, odd, put, records
from test_codec import CLASSES, VALUES
from test_hostile import nested_ext


@pytest.fixture
def source(tmp_path: Path) -> Any:
    """A store with some of everything."""
    url = f"lmdb:{tmp_path / 'source'}?durability=none"
    fill(Space(url))
    with closing(engine(url).open()) as store:
        odd(store)
        time.sleep(0.002)
        yield store


def dumped(store: Store, prefix: str = "") -> bytes:
    """What `dump` writes."""
    file = BytesIO()
    dump(store, file, prefix=prefix)
    return file.getvalue()


def sealed(lines: list[bytes]) -> bytes:
    """A dump whose last line is right."""
    text = b"".join(line + b"\n" for line in lines)
    digest = sha256(text).hexdigest()
    return text + written({"end": True, "records": len(lines) - 1, "sha256": digest})


def codec() -> Codec:
    """One that knows the classes of the tests."""
    made = Codec(lead=b"o")
    made.declare(*CLASSES)
    return made


def test_a_dump_is_loaded_as_it_was(source: Store) -> None:
    """Every record, byte for byte, with version and expiry."""
    target = MemoryStore()
    moved = load(BytesIO(dumped(source)), target)
    assert records(target) == records(source)
    assert b"soon" not in records(target)
    assert not moved.differing
    assert moved.compared == len(records(source))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), max_size=3), st.integers(1, 2**63 - 1))
def test_any_value_comes_back(pairs: list[tuple[Any, Any]], version: int) -> None:
    """Whatever the codec can store, as data and as key, is the same bytes after dump and load."""
    source, target, made = MemoryStore(), MemoryStore(), codec()
    for number, (key, value) in enumerate(pairs):
        packed = made.pack(key, "key")[:4000]
        data = b"e" + made.pack(value, "value")
        put(source, b"m%d\0x" % number + packed, data, version)
        put(source, b"v%d" % number, data, version)
    file = BytesIO()
    assert dump(source, file).opaque == 0  # all of it is shown
    file.seek(0)
    load(file, target)
    assert records(target) == records(source)


@settings(deadline=None)
@given(
    st.binary(min_size=1, max_size=40),
    st.sampled_from([b"", b"o", b"c", b"v", b"e", b"l"]),
    st.binary(max_size=60),
)
def test_any_bytes_come_back(key: bytes, kind: bytes, data: bytes) -> None:
    """Also of records that nobody's objects have made, or that are damaged."""
    record = Record(1, 0, 0.0, kind + data)
    assert record_of(read(written(line_of(key, record)))) == (key, record)
    assert name_of(key).isprintable()


@pytest.mark.parametrize(
    "packed",
    [
        b"\x91" * 900 + b"\x90",
        b"\x91" * 100_000 + b"\x90",
        nested_ext(60),
        nested_ext(60, lists=900),
        nested_ext(2000, code=18),
        nested_ext(500, code=0),
    ],
    ids=["deep", "deeper", "extensions", "with lists", "mappings", "objects"],
)
def test_depth_comes_back(packed: bytes) -> None:
    """However deep bytes nest, they are shown or kept, and nothing crashes."""
    record = Record(1, 0, 0.0, b"v" + packed)
    assert record_of(read(written(line_of(b"n", record)))) == (b"n", record)


@pytest.mark.parametrize("expires", [0.0, 1.5, 2e9, 1e-300, float("inf"), 1795272568.6417835])
def test_any_expiry_comes_back(expires: float) -> None:
    """To the last bit."""
    record = Record(1, 0, expires, b"c1")
    assert record_of(read(written(line_of(b"n", record)))) == (b"n", record)


def test_a_dump_is_for_people(source: Store) -> None:
    """Names, keys and state are JSON that other tools read, without the program's classes."""
    lines = [json.loads(line) for line in dumped(source).splitlines()]
    assert lines[0] | {"when": "", "version": ""} == {
        "instep": "dump",
        "format": 1,
        "version": "",
        "when": "",
        "url": source.url,
        "prefix": "",
    }
    by_name = {(line.get("name"), json.dumps(line.get("entry"))): line for line in lines[1:-1]}
    assert by_name["cart", "null"] == {
        "name": "cart",
        "kind": "object",
        "class": "Cart",
        "class_version": 0,
        "version": 1,
        "expires": None,
        "state": {
            "items": [
                {
                    "$tuple": [
                        "tea",
                        {"$decimal": "1.50"},
                        {"$datetime": "2026-01-31T00:00:00+00:00"},
                    ]
                }
            ]
        },
    }
    assert by_name["tickets", "null"]["state"] == 103
    assert by_name["nightly", "null"] | {"kind": "lock", "state": 2} == by_name["nightly", "null"]
    assert by_name["stock", '"tea"']["state"] == [
        {"$float": "inf"},
        {"$int": str(-(10**40))},
        {"$bytes": "AA=="},
        {"$map": {"$tuple": 1}},
    ]
    assert by_name["carts", '{"$tuple": ["a", 1]}']["state"] == {
        "items": [{"$dict": [[1, {"$set": [2, 3]}]]}]
    }
    assert lines[-1]["records"] == len(lines) - 2


def test_what_cannot_be_shown_is_kept_in_base64(source: Store) -> None:
    """Other tools see that there is a record; it loads all the same."""
    file = BytesIO()
    done = dump(source, file)
    opaque = [line for line in map(json.loads, file.getvalue().splitlines()) if "data" in line]
    assert len(opaque) == done.opaque > 3
    assert done.size == len(file.getvalue())


def test_a_prefix_chooses(source: Store) -> None:
    """Of the store when it is dumped, of the dump when it is loaded."""
    target = MemoryStore()
    load(BytesIO(dumped(source, "carts")), target)
    assert records(target) == records(source, b"carts") != {}
    target = MemoryStore()
    load(BytesIO(dumped(source)), target, prefix="carts")
    assert records(target) == records(source, b"carts")
    with pytest.raises(Misuse, match="begin with 'carts'"):
        load(BytesIO(dumped(source, "carts")), target, prefix="stock")


def refused(data: bytes, error: Any, words: str) -> None:
    """Loading writes nothing and says why."""
    target = MemoryStore()
    with pytest.raises(error, match=words):
        load(BytesIO(data), target)
    assert records(target) == {}


def test_a_truncated_dump_is_refused(source: Store) -> None:
    """Wherever it was cut, between lines or within one."""
    data = dumped(source, "carts")
    ends = [at for at, byte in enumerate(data) if byte == 10]
    for cut in {*ends, *(end + 1 for end in ends[:-1]), *range(200, len(data) - 1, 37)}:
        refused(data[:cut], (StoreError, Misuse), "truncated|damaged|not a dump")


def test_a_damaged_dump_is_refused(source: Store) -> None:
    """A changed byte, a line less, a line more, two dumps in one file."""
    data = dumped(source, "carts")
    lines = data.splitlines(keepends=True)
    for at in range(len(lines[0]), len(data), 11):
        refused(
            data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
            StoreError,
            "truncated|damaged",
        )
    refused(b"".join(lines[:1] + lines[2:]), StoreError, "digest")
    refused(b"".join(lines[:2] + lines[1:]), StoreError, "digest")
    refused(data + data, StoreError, "follows")
    refused(data.replace(b'"prefix": "carts"', b'"prefix": "x"'), StoreError, "damaged")


HEADER = b'{"instep": "dump", "format": 1, "version": "1", "when": "", "url": "x", "prefix": ""}'
GOOD = b'{"name": "a", "kind": "counter", "version": 1, "expires": null, "state": 1}'


def test_the_smallest_dump() -> None:
    """What the tests below are made of is right to begin with."""
    target = MemoryStore()
    load(BytesIO(sealed([HEADER, GOOD])), target)
    assert target.read(b"a") == Record(1, 0, 0.0, b"c1")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[1]",
        b"{}",
        b'{"name": "b", "kind": "counter", "version": 0, "expires": null, "state": 1}',
        b'{"name": "b", "kind": "counter", "version": true, "expires": null, "state": 1}',
        b'{"name": "b", "kind": "counter", "version": 1, "expires": "nan", "state": 1}',
        b'{"name": "b", "kind": "counter", "version": 1, "expires": "soon", "state": 1}',
        b'{"name": "b", "kind": "counter", "version": 1, "expires": null, "state": "x"}',
        b'{"name": "b", "kind": "nothing", "version": 1, "expires": null, "state": 1}',
        b'{"name": 5, "kind": "counter", "version": 1, "expires": null, "state": 1}',
        b'{"name": "\\ud800", "kind": "counter", "version": 1, "expires": null, "state": 1}',
        b'{"key": "%%%", "kind": "counter", "version": 1, "expires": null, "state": 1}',
        b'{"name": "b", "kind": "value", "version": 1, "expires": null, "state": {"$x": 1}}',
        b'{"name": "b", "kind": "value", "version": 1, "expires": null, "state": {"$int": []}}',
        b'{"name": "b", "kind": "value", "version": 1, "expires": null, "state": {"$dict": [1]}}',
        b'{"name": "b", "kind": "value", "version": 1, "expires": null, "state": {"$date": "x"}}',
        b'{"name": "b", "kind": "value", "version": 1, "expires": null, "state": %s}'
        % (b"[" * 5000 + b"]" * 5000),
        b'{"name": "b", "kind": "value", "version": 1, "expires": null, "state": %s}'
        % (b'{"$set":' * 5000 + b"[]" + b"}" * 5000),
        b'{"name": "b", "kind": "value", "version": 1, "expires": null, "state": 1%s}'
        % (b"0" * 5000),
    ],
)
def test_a_line_that_is_no_record_is_refused(line: bytes) -> None:
    """Even if the digest is right, and even if it comes last: before anything is written."""
    refused(sealed([HEADER, GOOD, line]), StoreError, "damaged at byte")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"", "not a dump"),
        (b"\x1f\x8b\x08", "not a dump"),
        (b'{"instep": "report"}', "not a dump"),
        (b'{"instep": "dump", "format": 2, "version": "9"}', "format 2.*9.*upgrade"),
        (b'{"instep": "dump", "format": "1"}', "format '1'"),
    ],
)
def test_what_is_no_dump_of_ours_is_refused(header: bytes, words: str) -> None:
    """An empty file, a compressed one, another program's, a newer release's."""
    refused(sealed([header, GOOD]), Misuse, words)
    refused(header, Misuse, words)


def test_an_interrupted_load_goes_on(source: Store) -> None:
    """What is there already and equal is left alone."""
    target, data = MemoryStore(), dumped(source)
    load(BytesIO(data), target, prefix="carts")
    moved = load(BytesIO(data), target)
    assert moved.equal == 5
    assert records(target) == records(source)


def test_what_differs_at_the_target_is_refused(source: Store) -> None:
    """The same rule as for a copy."""
    target, data = MemoryStore(), dumped(source)
    put(target, b"tickets", b"c1")
    put(target, b"mine", b"c1")
    with pytest.raises(Misuse, match=r"tickets.*--overwrite"):
        load(BytesIO(data), target)
    with pytest.raises(Misuse, match=r"mine.*--merge"):
        load(BytesIO(data), target, overwrite=True)
    assert len(records(target)) == 2
    assert not load(BytesIO(data), target, overwrite=True, merge=True).differing
    assert target.read(b"tickets") == source.read(b"tickets")._replace(txid=0)  # type: ignore[union-attr]


def test_a_dump_that_is_changed_while_it_is_loaded_is_an_error(source: Store) -> None:
    """What was checked is not what was loaded then."""
    file = BytesIO(dumped(source))

    def change(step: str, done: int, total: int | None) -> None:
        if step == "copying":
            file.getbuffer()[file.getvalue().index(b'"state": 103') + 11] ^= 1

    with pytest.raises(StoreError, match="damaged"):
        load(file, MemoryStore(), watch=change)


def test_no_secret_gets_into_a_dump() -> None:
    """The URL in its first line has none."""
    store = MemoryStore()
    store.url = "redis://user:hunter2@host/0?password=hunter2"
    assert b"hunter2" not in dumped(store)


def test_a_file_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """The old one stays until the new one is on the disk; nobody else may read it."""
    path = tmp_path / "backup.jsonl"
    path.write_text("old")
    os.chmod(path, 0o644)
    with pytest.raises(ZeroDivisionError), in_place_of(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
        raise ZeroDivisionError
    assert path.read_text() == "old"
    with in_place_of(path) as file:
        file.write(b"new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it leads to is replaced."""
    path, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(path)
    with in_place_of(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert path.read_text() == "new"
