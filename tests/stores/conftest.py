"""A PostgreSQL whose connections can be cut."""

from collections.abc import Iterator

import pytest

from proxy import Proxy
from servers import Postgres


@pytest.fixture
def proxy(postgres_server: Postgres) -> Iterator[Proxy]:
    """Something between the client and PostgreSQL that cuts connections."""
    with Proxy("127.0.0.1", postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
def far(postgres_server: Postgres, proxy: Proxy) -> str:
    """PostgreSQL's URL by way of the proxy."""
    return postgres_server.url.replace(str(postgres_server.port), str(proxy.port))
