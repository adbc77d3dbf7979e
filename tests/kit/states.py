"""What a test reads and changes in a state store behind the gateway's back, with a driver of its own."""

from typing import Any

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.engine import URL

from gateway.adapters.postgresql import blocking_url


def ask(state: URL, statement: str, **values: object) -> list[tuple[Any, ...]]:
    """Run a statement, and give its rows if it has any."""
    with create_engine(blocking_url(state), poolclass=NullPool).begin() as connection:
        found = connection.execute(text(statement), values)
        return [tuple(row) for row in found] if found.returns_rows else []
