"""``dicomveil audit``: whether a log is whole, and nothing in it was changed."""

import getpass
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from gateway.assembly import open_audit
from gateway.audit.chain import audit_key
from gateway.audit.events import Event, Kind, clean
from gateway.audit.verify import Fault, Verifier, began
from gateway.config import Settings

__all__ = ["note_reading", "verify"]

TOLD: Final = 3
"""Faults that are told where no record fits, so that the secret is another: what is said of each says no more."""


def verify(files: Sequence[Path], secrets: Sequence[bytes], *, live: bool) -> bool:
    """Print what is wrong with logs, oldest first whatever their order here; say whether nothing is."""
    verifier = Verifier([audit_key(secret) for secret in secrets])
    is_whole, held = True, list[Fault]()
    for fault in _faults(verifier, files, live=live):
        is_whole = False
        held.append(fault)
        if verifier.fitting:
            _tell(held)
    if verifier.records and not verifier.fitting and len(held) > TOLD:
        _tell(held[:TOLD])
        click.echo("no record fits this secret: is it the one that they were made under?")
    else:
        _tell(held)
    if is_whole:
        click.echo(f"whole: {_count(verifier.records, 'record')} in {_count(verifier.chains, 'chain')}")
    return is_whole


def _tell(faults: list[Fault]) -> None:
    """Print them, and empty the list."""
    for fault in faults:
        click.echo(str(fault))
    faults.clear()


async def note_reading(settings: Settings, files: Sequence[Path]) -> None:
    """Record that logs are read (PS3.15 Section A.5.3.2), where the settings say that records go."""
    recorder = open_audit(settings, serves=False)
    if recorder is None:
        return
    await recorder.open()
    recorder.begin()
    for file in files:
        subject = clean(file.absolute().as_uri())
        recorder.note(Event(Kind.LOG_READ, time.time(), user=clean(getpass.getuser()), subject=subject))
    await recorder.aclose()


def _faults(verifier: Verifier, files: Sequence[Path], *, live: bool) -> Iterator[Fault]:
    for file in sorted(files, key=_began):
        try:
            with file.open("rb") as lines:
                yield from verifier.read(os.fspath(file), lines)
        except OSError as error:
            raise click.ClickException(f"{file}: {error.strerror}") from None
    if not live:
        yield from verifier.open_chains()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _began(file: Path) -> bytes:
    with file.open("rb") as lines:
        return began(lines.readline())
