"""Stores of other packages: the example is really installed and used, broken ones are explained."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from instep import Misuse, Space, StoreError
from instep.stores import engine

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "instep-sqlite"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, built and installed into a folder of its own, without a network."""
    folder = tmp_path_factory.mktemp("third-party")
    source, target = folder / "source", folder / "installed"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    uv = ROOT / ".uv" / "bin" / "uv"
    if not uv.exists() and "CI" not in os.environ:
        pytest.skip(f"{uv} is not there: make env")
    options = ["--offline", "--no-deps", "--no-build-isolation", "--quiet"]
    where = ["--python", sys.executable, "--target", str(target)]
    subprocess.run([uv, "pip", "install", *options, *where, str(source)], check=True)
    return target


def run(installed: Path, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python where the package is installed."""
    return subprocess.run(
        [sys.executable, "-W", "error", *words],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_passes_its_own_suite(installed: Path, tmp_path: Path) -> None:
    """`StoreContract`, and what it has beside it, as its author runs it."""
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    shutil.copy(EXAMPLE / "pyproject.toml", tmp_path)
    done = run(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout
    assert "skipped" not in done.stdout


def test_a_space_opens_it_by_its_url(installed: Path, tmp_path: Path) -> None:
    """Every kind of object works there, and so does a transaction."""
    code = """
        from instep import Space

        class Cart:
            def __init__(self):
                self.items = []
            def add(self, item):
                self.items.append(item)
                return len(self.items)

        space = Space("sqlite:state.db")
        carts, stock = space.family("carts", Cart), space.mapping("stock")
        total, rate = space.counter("total"), space.value("rate")
        with space.transaction(total), space.lock("door"):
            carts["a"].add("tea")
            stock["tea"] = 3
            rate.set(1.5)
            total.increment()
        assert Space("sqlite:state.db").opened().store is space.opened().store
        print(carts["a"].add("rice"), stock["tea"], total.value, rate.get(), space.names())
    """
    for items, total in ((2, 1), (4, 2)):  # the second program goes on where the first one ended
        done = run(installed, "-c", dedent(code), folder=tmp_path)
        assert done.returncode == 0, done.stderr
        names = "['carts', 'door', 'rate', 'stock', 'total']"
        assert done.stdout == f"{items} 3 {total} 1.5 {names}\n"


def test_records_are_copied_to_it_and_back(installed: Path, tmp_path: Path) -> None:
    """The commands know its scheme as they know ours."""
    space = Space(f"lmdb:{tmp_path}/old")
    for number in range(100):
        space.mapping("stock")[number] = number
    space.close()
    for words in (
        ["copy", "lmdb:old", "sqlite:new.db"],
        ["copy", "sqlite:new.db", "lmdb:back"],
        ["copy", "lmdb:old", "lmdb:back"],
    ):
        done = run(installed, "-m", "instep.cli", *words, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "compared 100 records: all equal" in done.stdout
    assert "100 were there already" in done.stdout


def test_fresh_stores_are_not_its(installed: Path, tmp_path: Path) -> None:
    """`instep prove --fresh` would count on in what is there, so it is refused."""
    code = f"import os; os.environ['INSTEP_FRESH'] = {str(tmp_path)!r}; import instep\n"
    done = run(installed, "-c", code + "instep.Space('sqlite:state.db')", folder=tmp_path)
    assert "Misuse" in done.stderr
    assert "--fresh" in done.stderr


def package(folder: Path, name: str, code: str | None, scheme: str = "theirs") -> None:
    """Install a package whose one module has this code; None installs no module."""
    module = name.replace("-", "_")
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[instep.stores]\n{scheme} = {module}:engine\n")
    if code is not None:
        (folder / f"{module}.py").write_text(dedent(code))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "ModuleNotFoundError: No module named 'broken_"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of"),
        ("1 / 0", "ZeroDivisionError"),
        ("", "AttributeError"),
        ("engine = None", "TypeError"),
        ("def engine(url): 1 / 0", "ZeroDivisionError"),
        ("def engine(url): raise ValueError('no good: ' + url)", r"ValueError: no good: \S+\*\*\*"),
        ("def engine(url): return None", r"gave no Engine\(url, powers, open\) .*, but NoneType"),
        ("def engine(url): return url, None, None", "gave no Engine.*, but tuple"),
        (
            "from instep.stores.base import Engine\ndef engine(url): return Engine(url, {}, None)",
            "gave no Engine",
        ),
    ],
)
def test_a_broken_package_is_named(
    code: str | None,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """The error says which package it is, what it did and what to do; it shows no secret."""
    name = f"broken-{abs(hash(request.node.name))}"
    package(tmp_path, name, code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StoreError, match=rf"(?s){name} \(.*{words}.*reinstall") as caught:
        Space("theirs://user:hunter2@host/x")
    assert "hunter2" not in str(caught.value)


def test_its_own_errors_come_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package may find fault with the URL."""
    code = """
        from instep import Misuse
        def engine(url):
            raise Misuse("theirs: needs a path")
    """
    package(tmp_path, "faultfinder", code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Misuse, match=r"^theirs: needs a path$"):
        Space("theirs:")


def test_two_packages_of_one_scheme_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which one it is must not hang on the order of a search path."""
    package(tmp_path, "one-store", "def engine(url): return None")
    package(tmp_path, "other-store", "def engine(url): return None")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Misuse, match=r"of one-store \(.*\) and of other-store \(.*uninstall"):
        Space("theirs:x")


def test_ours_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No package takes the place of a store of this one."""
    package(tmp_path, "usurper", "def engine(url): 1 / 0", scheme="memory")
    monkeypatch.syspath_prepend(tmp_path)
    assert engine("memory:").url == "memory:"


def test_a_package_that_is_not_asked_for_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another store works although one is broken."""
    package(tmp_path, "bystander", "raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    assert Space("memory:").counter("n").increment() == 1
    with pytest.raises(Misuse, match="no store is known"):
        Space("nobodys:x")
