"""What unit tests share.

Both kinds of state store: a test that takes ``state`` runs on a SQLite file and on a real PostgreSQL.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from gateway.adapters.state_sql import state_url
from gateway.telemetry import requestid
from tests.kit.postgresql import Server, cluster


@pytest.fixture(autouse=True)
def _no_request() -> Iterator[None]:
    """Begin without the request of a test before: fixtures hand what they set in their context on to others."""
    with requestid.following(requestid.Trail()):
        yield


@pytest.fixture(scope="session")
def database_server() -> Iterator[Server]:
    """Start one PostgreSQL for the whole session."""
    with cluster() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """Give the URL of an empty store: a file in ``tmp_path``, or a database of its own."""
    if request.param == "sqlite":
        return state_url("sqlite:///state.db", tmp_path)
    server: Server = request.getfixturevalue("database_server")
    return state_url(server.database(), tmp_path)
