"""The command ``dicomveil``. Exit codes: 0 done, 1 something is wrong with what was given, 2 misused."""

import errno
import logging.config
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway import __version__
from gateway.core.errors import ConfigFaults
from gateway.logs import LEVELS, describe, log_config

if TYPE_CHECKING:
    from gateway.config import Settings

SECRET_VARIABLE = "DICOMVEIL_SECRET"  # noqa: S105 a name, not a secret
LEVEL_VARIABLE = "DICOMVEIL_LOG_LEVEL"
DEFAULT_DOMAIN = "files"
INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits.h

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
_CONFIG = click.option("--config", type=_FILE, required=True, help="Settings file (YAML).")
_FOLDER = click.option(
    "--profiles",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of profiles to look in first; the shipped ones come after it.",
)
_PORT = click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port to listen on."
)


def main() -> None:
    """Run the command. An error that is a bug says where it arose, and no value; nor does anything that is logged."""
    logging.config.dictConfig(log_config("warning"))  # else Python prints what an exception says; servers set their own
    logging.captureWarnings(True)  # noqa: FBT003 the library's signature; pydicom's repeat values
    try:
        _commands(prog_name="dicomveil")
    except Exception as error:  # noqa: BLE001 the last stop: the message of an unforeseen error may hold a DICOM value
        click.echo(describe(error), err=True)
        click.echo("dicomveil: internal error; its message is left out, it may hold a value", err=True)
        sys.exit(INTERNAL_ERROR)


@click.group(name="dicomveil", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="dicomveil")
def _commands() -> None:
    """De-identify DICOM studies while they are searched, viewed and downloaded.

    The gateway stands between DICOMweb clients and an archive. Each worklist is bound to a confidentiality profile;
    the archive is never modified.
    """


def _check_port(host: str, port: int, example: str) -> None:
    """Say in a person's words that a port is taken; the server's own words come late and read like a crash."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            what = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise click.ClickException(f"port {port} of {host} {what}; choose another, such as {example}") from None


def _level(default: str) -> str:
    level = os.environ.get(LEVEL_VARIABLE, default).lower()
    if level not in LEVELS:
        raise click.UsageError(f"{LEVEL_VARIABLE} should be one of {', '.join(LEVELS)}")
    return level


@_commands.command()
@_PORT
def demo(port: int) -> None:
    """Serve sample studies, before and after: no other server needed."""
    _check_port("127.0.0.1", port, "make demo PORT=8081")
    from gateway import demonstration

    demonstration.run(port, _level("warning"))


@_commands.command()
@_CONFIG
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is every network.")
@_PORT
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Server processes.")
@click.option(
    "--drain",
    "drain_s",
    type=click.IntRange(0, 600),
    default=0,
    metavar="SECONDS",
    show_default=True,
    help="After SIGTERM, say on /readyz that it is leaving and still answer for so long.",
)
def serve(config: Path, host: str, port: int, workers: int, drain_s: int) -> None:
    """Serve the worklists of a settings file.

    A fault in the settings or in a profile stops the start; every fault is listed with file and line. The environment
    variable DICOMVEIL_LOG_LEVEL (critical, error, warning, info, debug) decides how much is logged to stderr; no level
    logs a value of a DICOM attribute, but what mask rules look at where they refuse.
    """
    from gateway.config.access import open_door, plain_door

    level = _level("info")
    settings = _settings(config, faults_to_stderr=True)
    if workers > 1 and settings.secret is None:
        raise click.UsageError(f"several workers need a secret that they share: give `secret` in {config}")
    if problem := open_door(settings, host):
        raise click.ClickException(problem)
    _check_port(host, port, "--port 8081")
    for warning in filter(None, (*settings.warnings, plain_door(settings, host))):
        click.echo(f"warning: {warning}", err=True)
    base = f"{'http' if settings.tls is None else 'https'}://{host}:{port}"
    for name, worklist in settings.worklists.items():
        shown = worklist.profile.name if worklist.profile else "identified"
        click.echo(f"{name} ({shown}): {base}{worklist.path}", err=True)
    for name, entrance in settings.entrances.items():
        places = ", ".join(dict.fromkeys(choice.worklist for choice in entrance.choices))
        click.echo(f"{name} (entrance to {places}): {base}{entrance.path}", err=True)
    for name, uplink in settings.uplinks.items():
        click.echo(f"{name} (uplink, {uplink.profile.name}): {base}/uplinks/{name}", err=True)
    from gateway.server import serve as run

    run(settings, host, port, workers, level, drain_s)


@_commands.command()
@_CONFIG
@click.option(
    "--connect", is_flag=True, help="Also try origins, state store, issuers, mail and syslog servers, webhooks."
)
def check(config: Path, connect: bool) -> None:  # noqa: FBT001 as click calls it
    """Check a settings file and its profiles.

    Lists every fault at once, each with file and line, and exits with 1 when there is any. Of a mask rule set whose
    form is wrong, such as a key that there is not, the rest is judged once that is put right. With --connect, what the
    settings name is asked for an answer, and what gives none is told with what to look at; nothing changes anything
    there.
    """
    from gateway import profiles_cli
    from gateway.config.access import plain_door

    settings = _settings(config, faults_to_stderr=False)
    others = filter(None, (*settings.warnings, plain_door(settings)))
    profiles_cli.print_warnings(list(settings.profiles.values()), others)
    counted = [(settings.worklists, "worklist"), (settings.uplinks, "uplink"), (settings.profiles, "profile")]
    click.echo(f"ok: {', '.join(_count(len(some), what) for some, what in counted if some or what != 'uplink')}")
    if connect and not _all_answer(settings):
        sys.exit(1)


def _all_answer(settings: "Settings") -> bool:
    from gateway.connecting import attempts

    tried = attempts(settings)
    for one in tried:
        click.echo(f"{one.what}: {one.problem or 'answers'}")
    return not any(one.problem for one in tried)


@_commands.group()
def state() -> None:
    """Look after the state store. A gateway brings it up to date by itself when it starts."""


@state.command("show")
@_CONFIG
def show_state(config: Path) -> None:
    """Print at which revision it is; exits with 1 when this program would have to change it."""
    from gateway import state_cli

    if not state_cli.show(_settings(config, faults_to_stderr=True)):
        sys.exit(1)


@state.command("upgrade")
@_CONFIG
@click.option("--role", metavar="ROLE", help="On PostgreSQL: who serves; gets what it needs of the jobs' queue.")
def upgrade_state(config: Path, role: str | None) -> None:
    """Make or change its tables now, where those who serve have no right to."""
    from gateway import state_cli

    state_cli.upgrade_all(_settings(config, faults_to_stderr=True), role)


@_commands.command()
@click.argument("name", metavar="NAME")
@click.option("--expires", metavar="DATE", help="First day (UTC) on which it no longer holds, such as 2030-01-31.")
def key(name: str, expires: str | None) -> None:
    """Make an API key, and the settings that let it in.

    The key is printed to standard output and kept nowhere; the settings (standard error) hold its hash only.
    """
    from gateway import access_cli

    access_cli.run(name, expires)


@_commands.command()
@_FOLDER
def profiles(folder: Path | None) -> None:
    """List the confidentiality profiles there are."""
    from gateway import profiles_cli

    profiles_cli.list_profiles(folder)


@_commands.command()
@click.argument("profile", metavar="PROFILE")
@click.argument("attribute", metavar="[ATTRIBUTE]", required=False)
@click.option(
    "--sop-class", metavar="UID|KEYWORD", help="Decide for objects of this SOP Class; default: an unknown one."
)
@_FOLDER
def explain(profile: str, attribute: str | None, sop_class: str | None, folder: Path | None) -> None:
    """Say what a profile does to an attribute, and which rule decides.

    PROFILE is a name (see `dicomveil profiles`) or a YAML file. ATTRIBUTE is written as in a profile: a tag, a keyword,
    a private element, a path from the top. Without one: the whole profile as a table.

    \b
    dicomveil explain nominal PatientID
    dicomveil explain nominal 0008,0090 --sop-class CTImageStorage
    dicomveil explain nominal "RequestAttributesSequence > RequestedProcedureID"
    """  # noqa: D301 click's mark for lines that are not to be joined
    from gateway import profiles_cli

    profiles_cli.explain(profile, attribute, sop_class, folder)


@_commands.command()
@click.argument("inputs", metavar="IN...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the copies.")
@click.option("--profile", "profile_name", required=True, metavar="P", help="Name of a profile, or a YAML file.")
@click.option(
    "--secret-file", type=_FILE, help=f"File of 32 or more random bytes; default: the variable {SECRET_VARIABLE}."
)
@click.option("--domain", default=DEFAULT_DOMAIN, show_default=True, help="Domain of the pseudonyms, as of a worklist.")
@click.option(
    "--report", "report_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as JSON."
)
@_FOLDER
def deidentify(
    inputs: tuple[Path, ...],
    out: Path,
    profile_name: str,
    secret_file: Path | None,
    domain: str,
    report_file: Path | None,
    folder: Path | None,
) -> None:
    """De-identify DICOM files and folders into another folder.

    Copies are named by their released UIDs: OUT/study/series/instance.dcm. No existing file is overwritten; an equal
    one is left as it is. The same secret and domain as a worklist's give the same pseudonyms; without a secret they
    hold for this run only. A file that cannot be de-identified is reported and left out, and the exit code is 1. Files
    in a folder that are not DICOM are skipped.
    """
    from gateway import files_cli, profiles_cli

    files_cli.refuse_same_folder(inputs, out)
    profile = profiles_cli.find_profile(profile_name, folder)
    if not files_cli.deidentify(inputs, out, profile, (_secret(secret_file), domain), report_file):
        sys.exit(1)


@_commands.command()
@click.argument("values", metavar="VALUE...", nargs=-1, required=True)
@click.option("--config", type=_FILE, help="Settings file (YAML) of the gateway that released the values.")
@click.option("--worklist", metavar="W", help="Name of the worklist that released them; goes with --config.")
@click.option("--source", type=_DIRECTORY, help="Folder of the files that `dicomveil deidentify` was given.")
@click.option("--secret-file", type=_FILE, help=f"As for deidentify, with --source; default: {SECRET_VARIABLE}.")
@click.option("--domain", default=DEFAULT_DOMAIN, show_default=True, help="As for deidentify, with --source.")
@click.option("--study", metavar="UID", help="Released UID of the study in which series and instances are looked for.")
@click.option("--audit", type=_NEW_FILE, help="File that the look-ups are noted in; default: beside the state file.")
def reidentify(  # noqa: PLR0913, PLR0917 one for each option
    values: tuple[str, ...],
    config: Path | None,
    worklist: str | None,
    source: Path | None,
    secret_file: Path | None,
    domain: str,
    study: str | None,
    audit: Path | None,
) -> None:
    """Find what released UIDs and patients' pseudonyms stand for.

    For the holder of the secret, on the machine that has it. Every look-up is noted in the audit file: when, who, which
    worklist, which VALUE, and whether it was found; if that cannot be written, nothing is looked up or shown. What the
    state store does not know is searched in the archive, which takes a while for a series or an instance without
    --study. Exits with 1 when any VALUE is unknown.

    \b
    dicomveil reidentify --config gateway.yaml --worklist research DVICU4CENYDPFDG
    dicomveil reidentify --source ./originals --secret-file ./secret --audit ./audit.jsonl 2.25.1863...
    """  # noqa: D301 as above
    from gateway import reidentification

    if (config is None) == (source is None) or (config is None) != (worklist is None):
        raise click.UsageError("give --config and --worklist, or --source")
    if config is not None:
        settings = _settings(config, faults_to_stderr=True)
        place = reidentification.served(settings, worklist or "", audit)
    else:
        place = reidentification.folder(source or Path(), _secret(secret_file, needed=True), domain, audit)
    if not reidentification.run(place, values, study):
        sys.exit(1)


@_commands.command()
@click.argument("name", metavar="NAME")
@click.argument("study", metavar="STUDY|-")
@click.argument("more", nargs=-1, metavar="")
@_CONFIG
@click.option("--series", multiple=True, metavar="UID", help="Send this series only; may be given again.")
@click.option("--share", is_flag=True, help="Make a page of the images and print its address.")
@click.option("--email", "contact", flag_value="email", help="Share, and tell an e-mail address, which is asked for.")
@click.option("--phone", "contact", flag_value="phone", help="Share, and tell a phone number, which is asked for.")
@click.option(
    "--reference",
    "contact",
    flag_value="reference",
    help="Share, and tell a webhook by a reference.",
)
@click.option("--webhook", metavar="W", help="Webhook of the settings for --phone or --reference.")
@click.option("--pin", is_flag=True, help="Share behind a PIN, which is asked for.")
@click.option(
    "--no-wait",
    is_flag=True,
    help="Print the job's identifier and leave it to a gateway with these settings, running or started later.",
)
def uplink(  # noqa: PLR0913, PLR0917 one for each option
    name: str,
    study: str,
    more: tuple[str, ...],
    config: Path,
    series: tuple[str, ...],
    share: bool,  # noqa: FBT001 as click calls it
    contact: str | None,
    webhook: str | None,
    pin: bool,  # noqa: FBT001 as click calls it
    no_wait: bool,  # noqa: FBT001 as click calls it
) -> None:
    """Send a study up through an uplink.

    The study STUDY is read, de-identified, and stored at the destination of the uplink NAME. The job is one like those
    of POST /uplinks/NAME: a gateway that runs with the same settings takes it on; else it runs here. Interrupted, it
    goes on with the next gateway. Exits with 1 when not all of it arrived. To share, the settings need `public_url`.

    Arguments are seen by every user of a machine: with - the study is asked for, or read from standard input; a
    contact and a PIN always are, one line each, in this order.
    """
    from gateway import uplinking

    if more:  # not repeated: it may be a contact
        raise click.UsageError("too many arguments; a contact or a PIN is asked for, or read from standard input")
    wanted = uplinking.Wanted(study, series, share, contact or "", webhook, pin)
    if not uplinking.run(_settings(config, faults_to_stderr=True), name, wanted, wait=not no_wait):
        sys.exit(1)


@_commands.group()
def audit() -> None:
    """Look after the log of who did what."""


@audit.command("verify")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=_FILE)
@click.option("--config", type=_FILE, help="Settings file, for its secret; that the log was read goes on record, too.")
@click.option("--secret-file", type=_FILE, help="File with the secret, in the place of --config.")
@click.option("--live", is_flag=True, help="Gateways still write: a chain may be without an end.")
def verify_audit(files: tuple[Path, ...], config: Path | None, secret_file: Path | None, live: bool) -> None:  # noqa: FBT001 as click calls it
    """Check that a log is whole: that no record was changed, removed, added or put elsewhere.

    Give all files of a log that was rotated together, in any order. Whatever is wrong is listed with file and line, and
    the exit code is 1. A chain without an end is of a process that still runs or was killed, or its last records are
    gone.
    """
    import asyncio

    from gateway import audit_cli
    from gateway.assembly import secrets_of

    if (config is None) == (secret_file is None):
        raise click.UsageError("give --config or --secret-file")
    settings = _settings(config, faults_to_stderr=True) if config else None
    keys = secrets_of(settings) if settings else [_secret(secret_file)]
    is_whole = audit_cli.verify(files, keys, live=live)
    if settings is not None:
        asyncio.run(audit_cli.note_reading(settings, files))
    if not is_whole:
        sys.exit(1)


@_commands.group()
def masks() -> None:
    """See what the masks of a profile do to pictures."""


@masks.command()
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--profile", "profile_name", required=True, metavar="P", help="Name of a profile, or a YAML file.")
@click.option("--out", type=_NEW_FILE, help="Draw the frame before and after, side by side, as PNG.")
@click.option("--frame", type=click.IntRange(1), default=1, show_default=True, help="Frame to draw.")
@_FOLDER
def preview(file: Path, profile_name: str, out: Path | None, frame: int, folder: Path | None) -> None:
    """Say what happens to the pixels of a file under a profile, and which rules decide.

    Where a mask rule is missing, it is printed, ready to be put into a rule set and narrowed down; the exit code is 1
    when nothing of the file would leave. The picture of --out holds the original on its left side, whole: it is as
    confidential as the file. An existing picture is overwritten.
    """
    from gateway import masks_cli, profiles_cli

    if not masks_cli.preview(file, profiles_cli.find_profile(profile_name, folder), out, frame):
        sys.exit(1)


@masks.command("list")
@click.option("--profile", "profile_name", required=True, metavar="P", help="Name of a profile, or a YAML file.")
@_FOLDER
def list_masks(profile_name: str, folder: Path | None) -> None:
    """List the mask rules of a profile, in their order."""
    from gateway import masks_cli, profiles_cli

    masks_cli.list_rules(profiles_cli.find_profile(profile_name, folder))


def _secret(file: Path | None, *, needed: bool = False) -> bytes:
    from gateway.config.sources import SecretReader
    from gateway.core.pseudonym.keys import MIN_SECRET_BYTES

    if file is None and not os.environ.get(SECRET_VARIABLE):
        if needed:
            raise click.UsageError(f"give --secret-file or the variable {SECRET_VARIABLE}")
        click.echo("no secret given: pseudonyms hold for this run only and cannot be made again", err=True)
        return secrets.token_bytes(MIN_SECRET_BYTES)
    source = {"env": SECRET_VARIABLE} if file is None else {"file": str(file)}
    try:
        secret = SecretReader(Path(), os.environ).get(source).reveal()
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if len(secret) < MIN_SECRET_BYTES:
        raise click.ClickException(f"the secret is too short: it needs {MIN_SECRET_BYTES} random bytes or more")
    return secret


def _settings(config: Path, *, faults_to_stderr: bool) -> "Settings":
    from gateway.config import load_settings

    try:
        return load_settings(config)
    except ConfigFaults as found:
        click.echo(str(found), err=faults_to_stderr)
        sys.exit(1)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
