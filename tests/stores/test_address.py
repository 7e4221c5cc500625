"""URLs of stores: taken apart, and shown without what is secret in them."""

from pathlib import Path

import pytest

from instep import Misuse, Space
from instep.stores import engine
from instep.stores.address import parse, shown


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("redis://:hush@h/0", "redis://:***@h/0"),
        ("redis://u:hush@h:1/0?lease=5", "redis://u:***@h:1/0?lease=5"),
        ("redis://u:hu@sh@h", "redis://u:***@h"),
        ("postgresql://u:hush@[::1]:5432/d?sslmode=require", None),
        ("postgresql://u@h/d?password=hush&user=u", "postgresql://u@h/d?password=***&user=u"),
        ("redis+sentinel://u:hush@a:1,b:2/m/0", "redis+sentinel://u:***@a:1,b:2/m/0"),
        ("rediss://h?Secret_Token=hush", "rediss://h?Secret_Token=***"),
        ("lmdb:/a/b@c:d", "lmdb:/a/b@c:d"),
        ("unix:///run/redis.sock?password=hush&db=1", "unix:///run/redis.sock?password=***&db=1"),
    ],
)
def test_what_is_shown_has_no_secret(url: str, safe: str | None) -> None:
    """Passwords are starred, in the place for them and as options; the rest stays as it is."""
    assert "hush" not in shown(url)
    assert "sh@h" not in shown(url)
    assert safe is None or shown(url) == safe
    assert "hush" not in repr(parse(url))


def test_parts() -> None:
    """Several hosts, IPv6, percent signs, options."""
    address = parse("x://u%40:p%2Fw@one,two:2,[::1]:3,[::2]/a%20b?n=1.5&empty=")
    assert (address.scheme, address.user, address.password) == ("x", "u@", "p/w")
    assert address.hosts == (("one", None), ("two", 2), ("::1", 3), ("::2", None))
    assert (address.path, address.options) == ("/a b", {"n": "1.5", "empty": ""})
    assert parse("x:some%20path?o=1").path == "some path"


@pytest.mark.parametrize("password", ["hush/x", "x/hush", "1/hush", "a?hush", "a#hush"])
@pytest.mark.parametrize("scheme", ["redis", "postgresql", "memcached", "redis+cluster"])
def test_a_password_that_is_not_escaped_is_not_shown(scheme: str, password: str) -> None:
    """It is refused, with the way to write it, and no part of it is in the message."""
    with pytest.raises(Misuse) as caught:
        engine(f"{scheme}://user:{password}@127.0.0.1:6379/0")
    assert "hush" not in str(caught.value)
    assert "hush" not in shown(f"{scheme}:user:{password}@127.0.0.1/0")


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "1_0", "٣"])
def test_ports_that_are_none(port: str) -> None:
    """Refused, and the message shows no secret."""
    with pytest.raises(Misuse, match="is not a port") as caught:
        parse(f"redis://u:hush@h:{port}/0")
    assert "hush" not in str(caught.value)


def test_options() -> None:
    """Unknown ones are refused by name; numbers must be finite and large enough."""
    address = parse("x://h?lease=5&wait=-1&bad=nan&huge=1e400")
    assert address.number("lease", 1.0) == 5
    assert address.number("missing", 7.0) == 7
    for name in ("wait", "bad", "huge"):
        with pytest.raises(Misuse, match=name):
            address.number(name, 0)
    with pytest.raises(Misuse, match=r"no option 'bad'; it has \?lease=, \?wait="):
        address.allow("lease", "wait")


@pytest.mark.parametrize(
    "url", ["", "x", "nothing:", "sqlite:state.db", "://h", "redis", "/a/path", "u:hush@h"]
)
def test_urls_of_no_store(url: str) -> None:
    """A clear error that names the schemes there are."""
    with pytest.raises(Misuse, match="lmdb:PATH") as caught:
        engine(url)
    assert "hush" not in str(caught.value)


def test_one_store_for_one_url(tmp_path: object) -> None:
    """Two spaces on one URL are in one store, so a transaction may span them; not so memory:."""
    one, two = Space(f"lmdb:{tmp_path}/s"), Space(f"lmdb:{tmp_path}/s")
    a, b = one.counter("a"), two.counter("b")
    with one.transaction(a, b):
        a.increment()
        b.increment()
    assert one.opened().store is two.opened().store
    assert Space("memory:").opened().store is not Space("memory:").opened().store
    one.close()


def test_fresh_is_for_embedded_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is to run on an empty store does not silently run on a server's full one."""
    monkeypatch.setenv("INSTEP_FRESH", "/tmp/somewhere")
    with pytest.raises(Misuse, match="--fresh"):
        engine("redis://u:hush@h")
    engine("memory:")


def test_a_relative_path_is_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same URL in another directory is another store."""
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found += [engine(url).open() for url in ("lmdb:s", "manager:s.sock")]
    assert found[0] is not found[2]
    assert found[1] is not found[3]
