"""The contract under gevent: a real server, and a client whose threads are greenlets."""

import subprocess
import sys
from pathlib import Path

import pytest

from manager_server import Manager
from servers import Memcached

TESTS = Path(__file__).parents[1]

RUN = """
from gevent import monkey
monkey.patch_all()
import sys
import pytest
sys.path[:0] = sys.argv[1:3]
options = ["-p", "no:cacheprovider", "-c", sys.argv[3], "--rootdir", sys.argv[4]]
sys.exit(pytest.main([*options, "-q", sys.argv[5]]))
"""

MANAGER = """
from types import SimpleNamespace
import pytest
from test_manager_contract import ManagerContract

class TestIt(ManagerContract):
    test_thousands_of_keys_by_many_threads = None  # it takes long, and waits for nobody

    @pytest.fixture
    def server(self):
        return SimpleNamespace(url={url!r})
"""

MEMCACHED = """
import pytest
from instep.stores import engine
from test_memcached_contract import MemcachedContract

class TestIt(MemcachedContract):
    test_thousands_of_keys_by_many_threads = None  # it takes long, and waits for nobody

    @pytest.fixture
    def store(self):
        made = engine({url!r} + "?prefix=" + __import__("secrets").token_hex(8)).open()
        yield made
        made.close()
"""


def run(url: str, program: str, folder: Path) -> None:
    """Run the contract in a process that gevent has patched."""
    file = folder / "test_it.py"
    file.write_text(program.format(url=url))
    where = [TESTS, TESTS / "stores", TESTS.parent / "pyproject.toml", folder, file]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, where)],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("tcp", [False, True])
def test_a_manager(tcp: bool, tmp_path: Path) -> None:
    """Waiting lets the other greenlets run: nobody waits for ever."""
    with Manager(tcp) as server:
        run(server.url, MANAGER, tmp_path)


def test_memcached(memcached_server: Memcached, tmp_path: Path) -> None:
    """Likewise."""
    run(memcached_server.url, MEMCACHED, tmp_path)
