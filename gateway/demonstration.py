"""``dicomveil demo``: sample studies in the embedded origin, a gateway before them, a page that shows both sides.

A second origin, an empty folder, is where studies can be sent: it is the cloud that an uplink stores to.
"""

import contextlib
import os
import secrets
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from gateway import app
from gateway.adapters.folder.files import read_header
from gateway.adapters.folder.index import resource
from gateway.config import Settings, load_settings
from gateway.config.model import Worklist
from gateway.connection import ClientConnection
from gateway.core.mask.model import Verdict
from gateway.core.profile.model import Profile
from gateway.core.pseudonym.keys import KeyRing
from gateway.core.rewrite.identity import Identity
from gateway.demo.page import Destination, Shown, Side, demo_routes, mask_routes
from gateway.demo.people import EXAMINATIONS
from gateway.demo.samples import make_samples
from gateway.logs import log_config
from gateway.previewing import look_at

HOST = "127.0.0.1"
IDENTIFIED, RELEASED, PROFILE = "identified", "research", "clean-pixel-data"
CLOUD, STORE, UPLINK, STRICT = "cloud", "store", "clinic", "strict-pixels"

PICTURES: Final = {
    "An ultrasound clip that says where its picture lies": "2-us-echo/us-001.dcm",
    "A screen of a workstation that no rule knows": "8-sc-capture/sc-001.dcm",
    "A CT slice, which nothing makes suspect": "1-ct-thorax/ct-024.dcm",
}


class _Server(uvicorn.Server):
    """Prints its address, on one line, as soon as it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            click.echo(f"http://{HOST}:{port}")
            click.echo("Ctrl-C stops it.", err=True)


def run(port: int, level: str) -> None:
    """Serve the demonstration until interrupted. Its secret and its state live as long as it runs."""
    samples = _samples(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dicomveil")
    with TemporaryDirectory(prefix="dicomveil-") as folder:
        settings = _settings(Path(folder), samples)
        cloud = Destination(_side(settings, CLOUD), _side(settings, STORE).base, f"/uplinks/{UPLINK}")
        names = _identity(settings.worklists[RELEASED], settings)
        studies = {one.study_uid: names.uid(one.study_uid) for one in EXAMINATIONS}
        pages = demo_routes(_side(settings, IDENTIFIED), _side(settings, RELEASED), PROFILE, cloud, studies)
        pages += mask_routes(_side(settings, RELEASED), PROFILE, _shown(settings, samples, names))
        config = uvicorn.Config(
            app.build(settings, pages),
            host=HOST,
            port=port,
            loop="uvloop",
            http=ClientConnection,
            ws="none",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            log_config=log_config(level),
            log_level=level,
            timeout_graceful_shutdown=2,
        )
        with contextlib.suppress(KeyboardInterrupt):  # that is how it is stopped
            _Server(config).run()


def _samples(cache: Path) -> Path:
    columns = (TextColumn("Making sample studies"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("samples", total=None, start=False)

        def show(done: int, total: int) -> None:
            if not bar.tasks[0].started:
                click.echo(f"Making the sample studies, to be kept in {cache}", err=True)
            bar.start_task(task)
            bar.update(task, completed=done, total=total)

        return make_samples(cache, show)


def _settings(folder: Path, samples: Path) -> Settings:
    (folder / "secret").write_text(secrets.token_hex(32))
    (folder / CLOUD).mkdir()
    (folder / "demo.yaml").write_text(
        "secret: {file: ./secret}\n"
        "cors: {origins: ['*']}\n"
        "origins:\n"
        f"  samples: {{folder: {str(samples)!r}}}\n"
        f"  {CLOUD}: {{folder: ./{CLOUD}, writable: true}}\n"
        "worklists:\n"
        f"  {IDENTIFIED}: {{origin: samples, identified: true}}\n"
        f"  {RELEASED}: {{origin: samples, profile: {PROFILE}}}\n"
        f"  {STORE}: {{origin: {CLOUD}, profile: {STRICT}, services: [store], domain: {UPLINK}}}\n"
        f"  {CLOUD}: {{origin: {CLOUD}, identified: true}}\n"
        f"uplinks:\n"
        f"  {UPLINK}: {{origin: samples, destination: {CLOUD}, profile: {STRICT}, share: {{days: 1}}}}\n"
    )
    return load_settings(folder / "demo.yaml")


def _identity(worklist: Worklist, settings: Settings) -> Identity:
    """Return what names the studies of a worklist, as the worklist does."""
    secret = settings.secret.reveal() if settings.secret else b""
    return Identity(KeyRing(secret, worklist.domain), retains_uids=False)


def _shown(settings: Settings, samples: Path, names: Identity) -> list[Shown]:
    """Decide about the pictures of the page of masks, as the worklist does."""
    worklist = settings.worklists[RELEASED]
    before = _side(settings, IDENTIFIED).base
    return [
        _picture(title, samples / file, worklist.profile, before, (worklist.path, names))
        for title, file in PICTURES.items()
        if worklist.profile
    ]


def _picture(title: str, file: Path, profile: Profile, before: str, after: tuple[str, Identity]) -> Shown:
    looked = look_at(file, profile)
    header = read_header(file)
    uids = [str(header[keyword].value) for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    leaves = looked.decision.verdict is not Verdict.REFUSE
    base, names = after
    told, _, snippet = looked.told.partition("Missing rule: ")
    told = (told[:1].upper() + told[1:]).strip()
    return Shown(
        title,
        looked.about,
        f"{before}/{resource(*uids)}",
        f"{base}/{resource(*(names.uid(uid) for uid in uids))}" if leaves else "",
        looked.rows,
        looked.columns,
        looked.decision.rectangles,
        looked.decision.verdict.value,
        told,
        snippet,
    )


def _side(settings: Settings, name: str) -> Side:
    return Side(name, settings.worklists[name].path)
