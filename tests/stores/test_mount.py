"""Network file systems are recognised by the kernel's own list of mounts."""

from functools import partial
from pathlib import Path

import pytest

from instep import Space, StoreError
from instep.stores import folder as room
from instep.stores.mount import network_file_system

LINE = "{n} 1 0:{n} / {point} rw,relatime shared:1 - {kind} server:/export rw\n"


def mounts(tmp_path: Path, *entries: tuple[Path | str, str]) -> Path:
    """A list of mounts as the kernel writes it, which escapes what parts its fields."""
    lines = [
        LINE.format(n=n, point=str(point).replace(" ", "\\040"), kind=kind)
        for n, (point, kind) in enumerate(entries)
    ]
    path = tmp_path / "mountinfo"
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.sshfs", "9p"])
def test_network_file_systems_are_named(tmp_path: Path, kind: str) -> None:
    """The innermost mount that holds the folder counts."""
    listed = mounts(tmp_path, ("/", "ext4"), (tmp_path, kind))
    assert network_file_system(tmp_path, listed) == kind


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuse.fuse-overlayfs"]
)
def test_local_ones_are_not(tmp_path: Path, kind: str) -> None:
    """Also when they are mounted below a network file system."""
    listed = mounts(tmp_path, ("/", "nfs"), (tmp_path, kind))
    assert network_file_system(tmp_path, listed) is None


def test_a_neighbour_does_not_count(tmp_path: Path) -> None:
    """A mount whose path begins with the same letters is another place."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data2").mkdir()
    listed = mounts(tmp_path, ("/", "ext4"), (tmp_path / "data", "nfs"))
    assert network_file_system(tmp_path / "data2", listed) is None
    assert network_file_system(tmp_path / "data", listed) == "nfs"


def test_the_upper_of_two_mounts_counts(tmp_path: Path) -> None:
    """What is mounted later at one place hides what was there."""
    listed = mounts(tmp_path, (tmp_path, "ext4"), (tmp_path, "nfs"))
    assert network_file_system(tmp_path, listed) == "nfs"


@pytest.mark.parametrize("name", ["two words", "bücher", "日本"])
def test_any_name_of_a_mount(tmp_path: Path, name: str) -> None:
    """Spaces are escaped by the kernel, other letters are not."""
    (tmp_path / name).mkdir()
    listed = mounts(tmp_path, ("/", "ext4"), (tmp_path / name, "nfs"))
    assert network_file_system(tmp_path / name, listed) == "nfs"


def test_a_list_in_another_encoding(tmp_path: Path) -> None:
    """A name that is no UTF-8 does not keep the store from opening."""
    listed = mounts(tmp_path, (tmp_path, "nfs"))
    listed.write_bytes(b"9 1 0:9 / /mnt/\xff rw - ext4 a rw\n" + listed.read_bytes())
    assert network_file_system(tmp_path, listed) == "nfs"


def test_no_list_is_no_objection(tmp_path: Path) -> None:
    """Where the system has none, nothing is known against the folder."""
    assert network_file_system(tmp_path, tmp_path / "missing") is None


def test_a_store_on_one_is_refused(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the folder, the kind and the way out; nothing is written there."""
    listed = mounts(tmp_path, ("/", "ext4"), (tmp_path, "nfs4"))
    monkeypatch.setattr(room, "network_file_system", partial(network_file_system, mounts=listed))
    with pytest.raises(StoreError, match=r"nfs4.*local folder.*server") as caught:
        Space(f"lmdb:{state}").counter("n").increment()
    assert str(state) in str(caught.value)
    assert not list(tmp_path.rglob("*.mdb"))
