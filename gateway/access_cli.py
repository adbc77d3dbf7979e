"""``dicomveil key``: a new API key, and the line of the settings that lets it in. The key itself is kept nowhere."""

from datetime import UTC, date, datetime

import click

from gateway.access.keys import hash_of, new_key
from gateway.config.draft import name_problem

__all__ = ["run"]


def run(name: str, expires: str | None) -> None:
    """Print a new key on standard output, and its settings on standard error."""
    if problem := name_problem(name):
        raise click.UsageError(problem)
    end = _date(expires) if expires is not None else None
    key = new_key()
    click.echo(key)
    shown = f'hash: "{hash_of(key)}"' + (f", expires: {end}" if end else "")
    click.echo(f"\nThe key above is shown once. For the settings, below access.keys:\n  {name}: {{{shown}}}", err=True)


def _date(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise click.UsageError("--expires should be a date, such as 2030-01-31") from None
    if found <= datetime.now(UTC).date():
        raise click.UsageError("--expires should be a day to come")
    return found
