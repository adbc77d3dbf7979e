"""``dicomveil audit``: whether a log is whole, and nothing in it was changed."""

import getpass
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from gateway.assembly import open_audit
from gateway.audit.chain import audit_key
from gateway.audit.events import Event, Kind, clean
from gateway.audit.verify import Fault, Verifier, began
from gateway.config import Settings

__all__ = ["note_reading", "verify"]


def verify(files: Sequence[Path], secrets: Sequence[bytes], *, live: bool) -> bool:
    """Print what is wrong with logs, oldest first whatever their order here; say whether nothing is."""
    verifier = Verifier([audit_key(secret) for secret in secrets])
    is_whole = True
    for fault in _faults(verifier, files, live=live):
        is_whole = False
        click.echo(str(fault))
    if is_whole:
        click.echo(f"whole: {_count(verifier.records, 'record')} in {_count(verifier.chains, 'chain')}")
    return is_whole


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
