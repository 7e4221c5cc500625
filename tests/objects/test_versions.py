"""Classes change while their objects live: defaults, unknown attributes, versions."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from callers import contents

from instep import Space, StoreError, readonly


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where the programs of different ages meet."""
    return f"lmdb:{tmp_path / 'state'}?durability=none"


def program(url: str, cls: type) -> Any:
    """The object as a program with this release of the class has it."""
    return Space(url).share("doc", cls)


def of_version(number: int, **members: Any) -> type:
    """A release of the class Doc."""

    def __init__(self: Any) -> None:
        self.text = "hello"

    def write(self: Any, text: str) -> str:
        self.text = text
        return text

    def same(self: Any) -> Any:
        return self.text

    names = {"__version__": number, "__init__": __init__, "write": write, "same": same}
    return type("Doc", (), names | {"read": readonly(lambda self: self.text)} | members)


def test_missing_attributes_come_from_defaults(url: str) -> None:
    """Class attributes, dataclass defaults and factories fill in what an old record lacks."""

    @dataclass
    class Old:
        __instep_name__ = "Doc"
        a: int = 1

        def inc(self) -> None:
            self.a += 1

    @dataclass
    class New:
        __instep_name__ = "Doc"
        a: int = 1
        b: str = "b"
        tags: list[str] = field(default_factory=list)

        def tag(self, name: str) -> list[str]:
            self.tags.append(name)
            return self.tags

    program(url, Old).inc()
    new = program(url, New)
    assert (new.a, new.b, new.tags) == (2, "b", [])
    assert (new.tag("x"), new.tag("y")) == (["x"], ["x", "y"])


def test_unknown_attributes_are_kept(url: str) -> None:
    """A program that does not know an attribute, as after a roll-back, does not lose it."""

    @dataclass(slots=True)
    class New:
        __instep_name__ = "Doc"
        a: int = 1
        b: str = "b"

        def set(self, b: str) -> None:
            self.b = b

    @dataclass(slots=True)
    class Old:
        __instep_name__ = "Doc"
        a: int = 1

        def inc(self) -> int:
            self.a += 1
            return self.a

    program(url, New).set("kept")
    assert program(url, Old).inc() == 2
    assert (program(url, New).a, program(url, New).b) == (2, "kept")


def test_an_older_record_is_migrated(url: str) -> None:
    """`__migrate__` gets the old state and its version; reading alone writes nothing."""

    def migrate(state: dict[str, Any], version: int) -> dict[str, Any]:
        assert version == 1
        return {"text": state["text"].upper()}

    program(url, of_version(1)).write("old")
    before = contents(Space(url))
    new = program(url, of_version(2, __migrate__=staticmethod(migrate)))
    assert (new.text, new.read()) == ("OLD", "OLD")
    assert contents(Space(url)) == before
    assert new.write("new") == new.text == "new"


def test_a_newer_record_is_read_and_not_written(url: str) -> None:
    """The older program reads it, may call what changes nothing, and is told to upgrade."""
    program(url, of_version(2)).write("of two")
    old, space = program(url, of_version(1)), Space(url)
    before = contents(space)
    assert (old.text, old.read(), old.same()) == ("of two", "of two", "of two")
    with pytest.raises(StoreError, match=r"doc.*version 2.*upgrade"):
        old.write("of one")
    with pytest.raises(StoreError, match="version 2"), Space(url).transaction(old):
        old.text = "of one"
    mine = Space(url)
    doc, hits = mine.share("doc", of_version(1)), mine.counter("hits")
    with pytest.raises(StoreError, match="version 2"), mine.transaction(doc, hits):
        hits.increment()
        doc.write("of one")
    with mine.transaction(doc, hits):
        doc.same()
    assert contents(space) == before
    space.close()


def test_renamed_classes(url: str) -> None:
    """A class that is renamed says under which name it is kept."""
    program(url, of_version(1)).write("x")
    renamed = type("Paper", (of_version(1),), {"__instep_name__": "Doc"})
    assert program(url, renamed).text == "x"
    Space(url).close()
