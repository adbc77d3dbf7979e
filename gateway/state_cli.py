"""``dicomveil state``: at which revision the state store is, and how it gets to this program's before one serves."""

import click
from sqlalchemy.engine import URL

from gateway.adapters.sql import revision, upgrade
from gateway.adapters.state_contacts import beside
from gateway.config import Settings
from gateway.core.errors import StateFailed
from gateway.migrations import HEADS

__all__ = ["show", "upgrade_all"]


def show(settings: Settings) -> bool:
    """Print the revision of each chain; say whether a gateway would serve without a change."""
    are_usable = True
    for chain, url in _chains(settings).items():
        try:
            there, is_usable = revision(url, chain)
        except StateFailed as fault:
            raise click.ClickException(str(fault)) from None
        click.echo(f"{chain}: {there or 'no tables'} (this program: {HEADS[chain]})")
        are_usable = are_usable and is_usable
    return are_usable


def upgrade_all(settings: Settings, role: str | None) -> None:
    """Make or change all tables; on PostgreSQL ``role`` may use those of the jobs' queue from then on."""
    try:
        for chain, url in _chains(settings).items():
            upgrade(url, chain)
        if settings.uplinks:
            from gateway.adapters.durable import make_tables  # noqa: PLC0415 - DBOS, which takes seconds to import

            make_tables(settings.state, role)
    except StateFailed as fault:
        raise click.ClickException(str(fault)) from None
    show(settings)


def _chains(settings: Settings) -> dict[str, URL]:
    chains = {"state": settings.state}
    return chains | ({"contacts": beside(settings.state)} if settings.uplinks else {})
