"""``dicomveil reidentify``: from released identifiers back to their sources, noted in an audit file before it is shown.

A note says when, who, where, which released value and how it ended; never a source. Nothing is looked up unless the
audit file can be opened, and nothing is shown unless the notes are on disk.
"""

import asyncio
import errno
import json
import os
import pwd
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.adapters.origin_folder import FolderOrigin
from gateway.adapters.profile_files import ProfileFiles, shipped_profiles
from gateway.app import open_worklist
from gateway.config import Settings
from gateway.core.errors import GatewayError
from gateway.core.marked_yaml import nearest
from gateway.core.pseudonym.keys import KeyRings
from gateway.core.rewrite.engine import Engine
from gateway.worklists.reidentify import NothingStored, Source, is_released, reidentify
from gateway.worklists.source import Selection
from gateway.worklists.worklist import Worklist

__all__ = ["AUDIT_NAME", "Place", "folder", "run", "served"]

AUDIT_NAME = "reidentify-audit.jsonl"


@dataclass(frozen=True, slots=True)
class Place:
    """Where values were released, how to get there, and where look-ups are noted."""

    worklist: str | None
    domain: str
    opened: AbstractAsyncContextManager[Worklist]
    audit: Path


def served(settings: Settings, name: str, audit: Path | None) -> Place:
    """Find a worklist of the settings. Exits when it has nothing to re-identify, or no audit file."""
    listed = settings.worklists.get(name)
    if listed is None:
        raise click.ClickException(f'no worklist named "{name}"{nearest(name, list(settings.worklists))}')
    if listed.profile is None:
        raise click.ClickException(f"worklist {name} passes identified data: its values are the sources")
    if audit is None and settings.state.get_backend_name() == "sqlite":
        audit = Path(str(settings.state.database)).with_name(AUDIT_NAME)
    return Place(name, listed.domain, open_worklist(settings, name), _needed(audit))


def folder(source: Path, secret: bytes, domain: str, audit: Path | None) -> Place:
    """Take a folder of source files, as it was given to ``dicomveil deidentify``."""
    return Place(None, domain, _open_folder(source, secret, domain), _needed(audit))


def run(place: Place, values: Sequence[str], study: str | None) -> bool:
    """Look values up, note that, and print what they stand for; say whether all were found."""
    for number, value in enumerate([*values, *([study] if study else [])], 1):
        if not is_released(value.upper()):  # not repeated: it may be a source
            raise click.UsageError(f"value number {number} is neither a released UID (2.25.…) nor a pseudonym (DV…)")
    values = [value.upper() for value in values]  # as a search finds them: only pseudonyms have letters
    outcomes = dict.fromkeys(values, "failed")
    with _appending(place.audit) as write:
        try:
            found = asyncio.run(_look_up(place, values, study))
            outcomes = {value: "found" if value in found else "unknown" for value in values}
        except GatewayError as error:
            raise click.ClickException(str(error)) from None
        finally:
            write(_notes(place, outcomes))
    click.echo(_table(outcomes, found))
    return len(found) == len(outcomes)


async def _look_up(place: Place, values: Sequence[str], study: str | None) -> Mapping[str, Source]:
    async with place.opened as worklist:
        return await reidentify(worklist, values, study)


@asynccontextmanager
async def _open_folder(source: Path, secret: bytes, domain: str) -> AsyncIterator[Worklist]:
    keys = KeyRings.derive([secret], domain)
    # Any profile that maps UIDs will do: identifiers depend on secret and domain alone.
    engine = Engine(ProfileFiles([shipped_profiles()]).require("nominal"), keys.current)
    origin = FolderOrigin(source, "source")
    yield Worklist("source", "", origin, engine, keys, Selection(), NothingStored(), domain, frozenset())


def _needed(audit: Path | None) -> Path:
    if audit is None:
        raise click.UsageError("give --audit: there is no state file that it could stand beside")
    return audit


@contextmanager
def _appending(audit: Path) -> Iterator[Callable[[bytes], None]]:
    """Open the audit file for its owner alone; what is written is on disk, or the command ends."""
    with _audited(audit):
        file = os.open(audit, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(notes: bytes) -> None:
        with _audited(audit):
            if os.write(file, notes) < len(notes):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)

    try:
        yield write
    finally:
        os.close(file)


@contextmanager
def _audited(audit: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"audit file {audit}: {error.strerror}; nothing is shown") from None


def _notes(place: Place, outcomes: Mapping[str, str]) -> bytes:
    """Write one line of JSON for each value."""
    about = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "user": _user(),
        "worklist": place.worklist,
        "domain": place.domain,
    }
    notes = [about | {"released": value, "outcome": outcome} for value, outcome in outcomes.items()]
    return "".join(json.dumps(note) + "\n" for note in notes).encode()


def _user() -> str:
    """Name the operating system's user; the environment, which anyone can set, is not asked."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _table(outcomes: Mapping[str, str], found: Mapping[str, Source]) -> str:
    rows = [("RELEASED", "IS", "SOURCE", "OF"), *(_row(value, found.get(value)) for value in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(value: str, source: Source | None) -> tuple[str, str, str, str]:
    if source is None:
        return value, "unknown", "", ""
    within = ", ".join(f"{name} {_shown(value)}" for name, value in source.within)
    return value, source.kind, _shown(source.value) or "(no Patient ID)", within


def _shown(value: str) -> str:
    """Escape what a terminal would obey."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)
