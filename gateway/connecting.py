"""``dicomveil check --connect``: whether what the settings name answers, and what to look at where it does not.

Sent is what shows that, and nothing that changes anything: a search for one study, a login, a connection.
"""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.engine import URL

from gateway.adapters.origin_folder import FolderOrigin
from gateway.adapters.reason import reason
from gateway.adapters.sql import begin, open_engine, revision
from gateway.adapters.syslog import tls_context
from gateway.assembly import open_issuer, open_mail, open_origin
from gateway.config import model
from gateway.core.errors import GatewayError

__all__ = ["Tried", "attempts"]

PATIENCE_S: Final = 20
_FOUND: Final = (200, 204, 206)
_WHY: Final = {
    401: "its `auth` is missing or refused",
    403: "its `auth` is missing or refused",
    404: "`dicomweb` should be the base of its DICOMweb service",
}


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried, and what is wrong with it; nothing where it answers."""

    what: str
    problem: str = ""


class _Wrong(Exception):
    """What answers is not what is wanted; its message says what to look at."""


def attempts(settings: model.Settings) -> list[Tried]:
    """Try everything at once, each for PATIENCE_S at most, and tell in the order of the settings."""

    async def run() -> list[Tried]:
        return await asyncio.gather(*(_tried(what, attempt) for what, attempt in _attempts(settings)))

    return asyncio.run(run())


Attempt = Callable[[], Awaitable[None]]


def _attempts(settings: model.Settings) -> Iterator[tuple[str, Attempt]]:
    yield "state", partial(_state, settings.state)
    for name, origin in settings.origins.items():
        yield f"origin {name}", partial(_origin, origin)
    for issuer in settings.access.issuers if settings.access else ():
        yield f"issuer {issuer.rules.issuer}", partial(_issuer, issuer)
    for sink in settings.audit.sinks if settings.audit else ():
        if sink.file is None:
            yield f"syslog {sink.host}:{sink.port}", partial(_syslog, sink)
    smtp = settings.notify.smtp
    if smtp is not None:
        yield f"mail server {smtp.host}:{smtp.port}", open_mail(smtp).log_in
    for name, webhook in settings.notify.webhooks.items():
        yield f"webhook {name}", partial(_webhook, webhook)


async def _tried(what: str, attempt: Attempt) -> Tried:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await attempt()
    except (GatewayError, _Wrong) as error:
        return Tried(what, str(error).removeprefix(f"{what}: "))
    except ssl.SSLCertVerificationError as error:
        return Tried(what, f"{reason(error)}; is `ca` the authority behind it?")
    except TimeoutError:
        return Tried(what, "no answer in time; are address and port right, and does a firewall let this machine out?")
    except OSError as error:
        return Tried(what, f"no connection ({reason(error)}); are address and port right, and does it run?")
    return Tried(what)


async def _state(url: URL) -> None:
    if url.get_backend_name() == "sqlite" and not await asyncio.to_thread(_is_there, Path(url.database or "")):
        return  # it is made at the start
    engine = open_engine(url)
    try:
        async with begin(engine) as connection:
            await connection.execute(text("SELECT 1"))
    finally:
        await engine.dispose()
    await asyncio.to_thread(revision, url, "state")  # which may be denied where a question is not


def _is_there(file: Path) -> bool:
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise _Wrong(f"{file} cannot be written by this user")
    return file.exists()


async def _origin(settings: model.Origin) -> None:
    origin = open_origin(settings)
    try:
        if isinstance(origin, FolderOrigin):
            await origin.open()
        async with origin.get("/studies", "limit=1", "application/dicom+json") as answer:
            if answer.status not in _FOUND:
                why = _WHY.get(answer.status, "is it a DICOMweb service that searches studies?")
                raise _Wrong(f"answers a search with {answer.status}; {why}")
    finally:
        await origin.aclose()


async def _issuer(settings: model.Issuer) -> None:
    issuer = open_issuer(settings)
    try:
        if not await issuer.is_ready():  # which logs why
            raise _Wrong("its keys cannot be read; is it the issuer's URL, letter by letter, and `ca` its authority?")
    finally:
        await issuer.aclose()


async def _syslog(sink: model.AuditSink) -> None:
    await _reach(sink.host, sink.port, tls_context(sink.ca, sink.certificate, sink.key))


async def _webhook(webhook: model.Webhook) -> None:
    parts = urlsplit(webhook.url)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    await _reach(parts.hostname or "", parts.port or (443 if tls else 80), tls)


async def _reach(host: str, port: int, tls: ssl.SSLContext | None) -> None:
    _, writer = await asyncio.open_connection(host, port, ssl=tls)
    writer.transport.abort()
