"""``dicomveil deidentify``: files and folders, a progress bar, and what became of them."""

import json
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.core.profile.model import Profile
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.engine import Engine
from gateway.files import Found, Report, deidentify_files, find_files

__all__ = ["deidentify", "refuse_same_folder"]


def deidentify(
    inputs: tuple[Path, ...], out: Path, profile: Profile, key: tuple[bytes, str], report_file: Path | None
) -> bool:
    """Write copies under the pseudonyms of a secret and a domain; say whether all that there was could be done."""
    if not profile.enabled:
        raise click.ClickException(f"profile {profile.name} says enabled: false")
    engine = Engine(profile, KeyRing(*key))
    try:
        files = find_files(inputs, out)
        report = _with_progress(files, lambda tell: deidentify_files(files, out, engine, tell))
        if report_file is not None:
            report_file.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    except OSError as error:
        raise click.ClickException(f"{error.filename or out}: {error.strerror}") from None
    _print_report(report)
    nothing = not (report.released or report.already_there or report.failures)
    if nothing:
        click.echo("no DICOM file found", err=True)
    return not (nothing or report.failures)


def refuse_same_folder(inputs: tuple[Path, ...], out: Path) -> None:
    """Refuse to mix originals and copies."""
    if any(path.resolve() == out.resolve() for path in inputs):
        raise click.UsageError("--out is an input folder; originals and copies must not mix")


def _with_progress(files: list[Found], work: Callable[[Callable[[int], None]], Report]) -> Report:
    """Run ``work`` behind a progress bar on stderr, where that is a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(_count(len(files)), total=sum(file.size for file in files))
        return work(lambda done: progress.advance(task, done))


def _print_report(report: Report) -> None:
    for failure in report.failures:
        click.echo(str(failure), err=True)
    lines = [
        (report.released, "de-identified"),
        (report.already_there, "already there"),
        (report.not_dicom, "not DICOM, skipped"),
        (report.media_directories, "media directory (DICOMDIR), skipped"),
        (len(report.failures), "failed"),
    ]
    for number, what in lines:
        if number or what == "de-identified":
            click.echo(f"{_count(number)} {what}")
    if report.released:
        actions = ", ".join(f"{name} {number}" for name, number in sorted(report.actions.items()))
        click.echo(f"values changed: {actions}")


def _count(number: int) -> str:
    return f"{number} file" if number == 1 else f"{number} files"
