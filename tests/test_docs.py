"""What the documentation shows is run: README, pages, docstrings.

Every block ```python of a page runs, in order, in one namespace, in a folder that has nothing in it
but a copy of `examples/`. A block that cannot run is not Python for a reader either, so there is no
way to leave one out.
"""

import doctest
import importlib
import re
import runpy
import shutil
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if page.exists()
]
SOURCE = ROOT / "src"
MODULES = [
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((SOURCE / "instep").rglob("*.py"))
    if ">>> " in path.read_text()
]
FENCE = re.compile(r"^```(?P<kind>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with the examples in it; stores that were opened there are closed."""
    left_out = shutil.ignore_patterns("instance", "__pycache__")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=left_out)
    monkeypatch.chdir(tmp_path)
    for name in ("INSTEP_URL", "INSTEP_FRESH", "INSTEP_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    from instep.stores import lmdb

    for store in list(lmdb._stores.values()):
        if Path(store.url.removeprefix("lmdb:")).is_relative_to(tmp_path.resolve()):
            store.close()


def examples(page: Path) -> list[tuple[int, str, str]]:
    """The fenced blocks of a page: line, kind, code."""
    text = page.read_text()
    return [
        (text.count("\n", 0, match.start("code")) + 1, match["kind"].strip(), match["code"])
        for match in FENCE.finditer(text)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block of Python runs as it is printed; a failure names the page and the line."""
    module = types.ModuleType(f"page_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # where its classes say they are from
    for line, kind, code in examples(page):
        if kind == "python":
            # Leading newlines make the line numbers of a traceback those of the page.
            exec(compile("\n" * (line - 1) + code, str(page), "exec"), module.__dict__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_example_is_left_out(page: Path) -> None:
    """A block is either `python`, and runs, or of another plain kind; it always says which."""
    for line, kind, _ in examples(page):
        assert re.fullmatch(r"[a-z]+", kind), f"{page.name}:{line}: ```{kind}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file that is there, and its heading if it has one."""
    text = FENCE.sub("", page.read_text())
    for target, heading in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)#?([^)\s]*)\)", text):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page.name}: {target}"
        if heading and file.suffix == ".md":
            assert heading in anchors(file), f"{page.name}: {target}#{heading}"


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_docstrings_run(name: str, folder: Path) -> None:
    """`>>>` in a docstring prints what it says."""
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=options)
    assert failed == 0


SAME = re.compile(r"[\d.]+ s\b|[\d.]+s$", re.MULTILINE)
"""Seconds, which are never the same twice."""


@pytest.mark.parametrize("name", ["check.md", "explore.md", "pytest.md"])
def test_what_a_page_says_was_printed_is_printed(name: str) -> None:
    """If not, docs/record.py writes it anew; the other recorded outputs need servers."""
    record = runpy.run_path(str(ROOT / "docs" / "record.py"))
    page = (ROOT / "docs" / name).read_text()
    (match,) = record["MARKED"].finditer(page)
    shown = match[0].split("\n", 2)[2].rpartition("\n```\n")[0]
    printed = "\n".join(record["output"](match[2], match[3] or "."))
    assert SAME.sub("", shown) == SAME.sub("", printed)


def test_the_rule_finds_blocks(tmp_path: Path) -> None:
    """The reader of pages sees kinds, lines and code as they are."""
    page = tmp_path / "page.md"
    page.write_text("# A\n\n```python\nx = 1\n```\n\ntext\n\n```console\n$ ls\n```\n")
    found: list[Any] = examples(page)
    assert found == [(4, "python", "x = 1\n"), (10, "console", "$ ls\n")]
