"""The schemas of the state's databases, and how each comes from the one before it (Alembic).

There are two chains of revisions: ``state``, and ``contacts``, which has a file of its own on SQLite. A revision is
called CHAIN_MAJOR_MINOR, and a program works with every minor revision of its major one, also with those that it does
not know yet: they may only add, so that an old and a new replica run side by side. What an old program would stumble
over begins the next major revision.
"""

from pathlib import Path
from threading import Lock
from typing import Final

from sqlalchemy import Connection, column, inspect, select, table

from gateway.core.errors import StateFailed

__all__ = ["HEADS", "found", "is_usable", "upgrade", "version_table"]

HEADS: Final = {"state": "state_1_2", "contacts": "contacts_1_1"}
"""The newest revision of each chain that this program knows."""

_ONE_AT_A_TIME: Final = Lock()
"""Alembic hands a revision what it works with through a global of its package."""


def version_table(chain: str) -> str:
    """Name the table that says at which revision of a chain a database is."""
    return f"{chain}_version"


def found(connection: Connection, chain: str) -> str | None:
    """Return the revision of a database; None when it has none: it is empty, or older than revisions are."""
    name = version_table(chain)
    if not inspect(connection).has_table(name):
        return None
    revision: str | None = connection.execute(select(column("version_num")).select_from(table(name))).scalar()
    return revision


def is_usable(revision: str | None, chain: str) -> bool:
    """Say whether this program works with a revision as it is. Raises StateFailed when it is of a newer major one."""
    if revision is None:
        return False
    there, here = _numbers(revision, chain), _numbers(HEADS[chain], chain)
    if there[0] > here[0]:
        raise StateFailed(f"the state store is at {revision}: this program, at {HEADS[chain]}, is too old for it")
    return there >= here


def upgrade(connection: Connection, chain: str) -> None:
    """Bring a database to the head of a chain, in a transaction that no other program's upgrade runs beside.

    Raises StateFailed when a newer program has made it.
    """
    if is_usable(found(connection, chain), chain):
        return
    from alembic import command, config, util  # noqa: PLC0415 - it takes a tenth of a second that only this needs

    settings = config.Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.attributes["connection"] = connection
    settings.attributes["version_table"] = version_table(chain)
    with _ONE_AT_A_TIME:
        try:
            command.upgrade(settings, f"{chain}@head")
        except util.CommandError:
            raise StateFailed("the state store is at a revision that this program does not know") from None


def _numbers(revision: str, chain: str) -> tuple[int, int]:
    try:
        major, minor = revision.removeprefix(f"{chain}_").split("_")
        return int(major), int(minor)
    except ValueError:
        raise StateFailed("the state store is at a revision that is none") from None
