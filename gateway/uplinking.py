"""``dicomveil uplink``: one study up, from a shell; the job is the server's kind, and a server takes it up if it must.

What identifies anybody can come by standard input: every user of a machine sees the arguments of its processes.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.app import open_uplinks
from gateway.config import Settings
from gateway.core.errors import GatewayError
from gateway.notify.contact import Contact, read_contact
from gateway.uplink.jobs import Sharer
from gateway.uplink.model import Asked, Job, State
from gateway.worklists.source import valid_source

__all__ = ["FROM_STDIN", "Wanted", "run"]

FROM_STDIN = "-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says. ``contact`` is the kind that is asked for, or empty; ``pin`` is asked for, too."""

    study: str
    series: Sequence[str] = ()
    share: bool = False
    contact: str = ""
    webhook: str | None = None
    pin: bool = False


def run(settings: Settings, name: str, wanted: Wanted, *, wait: bool) -> bool:
    """Send a study up, and say whether all of it arrived; without ``wait`` only that it was asked for."""
    uplink = settings.uplinks.get(name)
    if uplink is None:
        # Not repeated: someone may have written a contact there.
        raise click.ClickException(f"no such uplink; there are: {', '.join(settings.uplinks) or 'none'}")
    shares = wanted.share or bool(wanted.contact) or wanted.pin
    if shares and settings.public_url is None:
        raise click.ClickException("to share, the settings need a public_url: a link has to lead somewhere")
    study = _line("Study Instance UID") if wanted.study == FROM_STDIN else wanted.study
    for number, uid in enumerate([study, *wanted.series], 1):
        if not valid_source(uid):
            raise click.UsageError(f"UID number {number} is none")
    try:
        contact = _contact(wanted)
        asked = Asked(study, tuple(wanted.series), pin=_line("PIN", is_hidden=True) if wanted.pin else None)
        sharer = Sharer(settings.public_url or "", contact) if shares else None
        job = asyncio.run(_send(settings, name, asked, sharer, wait=wait))
    except GatewayError as fault:
        raise click.ClickException(str(fault)) from None
    except KeyboardInterrupt:
        raise click.ClickException("left alone; the job goes on when a gateway with these settings runs") from None
    return _told(job)


async def _send(settings: Settings, name: str, asked: Asked, sharer: Sharer | None, *, wait: bool) -> Job:
    async with open_uplinks(settings, leads=wait) as jobs:
        job = await jobs.begin(name, asked, sharer)
        if not wait:
            return job
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
            task = progress.add_task("queued", total=None)
            async with aclosing(jobs.follow(name, job.id)) as states:
                async for job in states:
                    what = job.reason or job.state.value
                    progress.update(task, description=what, total=job.total or None, completed=job.accounted)
        return job


def _told(job: Job) -> bool:
    """Print what became of a job: counts, and the link to what it shared."""
    if not job.state.is_final:
        click.echo(f"{job.state}: {job.id}")
        return True
    numbers = ((job.stored, "stored"), (job.refused, "refused"), (job.discarded, "discarded"), (job.failed, "failed"))
    counts = ", ".join(f"{number} {what}" for number, what in numbers if number) or "nothing stored"
    click.echo(f"{job.state}: {counts} of {job.total}" + (f"; {job.reason}" if job.reason else ""))
    if job.link:
        click.echo(f"{job.base}/shares/{job.link}/")
    if job.notified:
        click.echo(f"message: {job.notified}")
    return job.state is State.DONE


def _contact(wanted: Wanted) -> Contact | None:
    value = _line(wanted.contact) if wanted.contact else None
    return read_contact(
        email=value if wanted.contact == "email" else None,
        phone=value if wanted.contact == "phone" else None,
        reference=value if wanted.contact == "reference" else None,
        webhook=wanted.webhook,
    )


def _line(what: str, *, is_hidden: bool = False) -> str:
    """Ask for a line, or take the next one of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(what, err=True, hide_input=is_hidden)).strip()
    return sys.stdin.readline().strip()
