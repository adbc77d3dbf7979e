"""The parts that a gateway and its commands are made of, from the settings."""

import os
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence

from gateway.access.identify import Identifier
from gateway.access.model import uplink_place, worklist_place
from gateway.adapters.audit_file import AuditFile
from gateway.adapters.leadership import leadership
from gateway.adapters.oidc import HttpIssuer
from gateway.adapters.origin_client import ConnectionPolicy
from gateway.adapters.origin_folder import FolderOrigin
from gateway.adapters.origin_http import HttpOrigin
from gateway.adapters.smtp import MailServer, Security, SmtpNotifier
from gateway.adapters.state_contacts import SqlContacts
from gateway.adapters.state_jobs import SqlJobStore
from gateway.adapters.state_shares import SqlShareStore
from gateway.adapters.syslog import Syslog, SyslogServer, tls_context
from gateway.adapters.webhook import WebhookNotifier
from gateway.audit.chain import audit_key
from gateway.audit.dicom import Encoder
from gateway.audit.lines import encode
from gateway.audit.recorder import Recorder, Sink
from gateway.config import model
from gateway.core.pseudonym.keys import MIN_SECRET_BYTES, KeyRings
from gateway.core.rewrite.engine import Engine
from gateway.core.rewrite.passing import Passing
from gateway.masking.pool import Codecs
from gateway.notify.notifiers import Notifiers
from gateway.ports import OriginServer, ReleaseStore
from gateway.sharing.service import Sharing, destination
from gateway.uplink.jobs import Jobs
from gateway.uplink.leading import Leader, Runner
from gateway.uplink.stages import FIRST, Ended, Stages, Uplink

__all__ = ["Uplinks", "open_access", "open_audit", "open_issuer", "open_mail", "open_origin", "secrets_of"]


def secrets_of(settings: model.Settings, otherwise: bytes | None = None) -> list[bytes]:
    """Return today's secret and those before it; without any, ``otherwise`` or one for this run.

    That seals links of identified data.
    """
    if settings.secret is None:
        return [otherwise or os.urandom(MIN_SECRET_BYTES)]
    return [secret.reveal() for secret in (settings.secret, *settings.previous_secrets)]


def open_origin(settings: model.Origin) -> OriginServer:
    """Return an origin; nothing is sent to it yet."""
    if isinstance(settings, model.FolderOrigin):
        return FolderOrigin(settings.folder, settings.name, writable=settings.writable)
    policy = ConnectionPolicy(
        limit=settings.connections,
        connect_s=settings.connect_timeout_s,
        read_s=settings.read_timeout_s,
        queue_s=settings.queue_timeout_s,
    )
    return HttpOrigin(settings.name, settings.url, _authorization(settings.auth), policy)


def open_access(settings: model.Access | None) -> Identifier | None:
    """Return what recognizes who asks; None where everybody may do everything. Issuers are asked when tokens come."""
    if settings is None:
        return None
    issuers = [open_issuer(issuer) for issuer in settings.issuers]
    return Identifier(settings.policy, settings.keys, issuers, settings.proxy)


def open_issuer(settings: model.Issuer) -> HttpIssuer:
    """Return an issuer of tokens; nothing is sent to it yet."""
    return HttpIssuer(settings.rules, ssl.create_default_context(cafile=settings.ca) if settings.ca else None)


def open_audit(
    settings: model.Settings, *, serves: bool = True, on_failure: Callable[[], None] = lambda: None
) -> Recorder | None:
    """Return what puts calls on record, and which profiles a process that ``serves`` has; None where nothing is to."""
    audit = settings.audit
    if audit is None or settings.secret is None:
        return None
    key, in_dicom = audit_key(settings.secret.reveal()), Encoder(audit.source, str(os.getpid()))
    sinks = [_sink(one, in_dicom, key) for one in audit.sinks]
    profiles = {
        worklist_place(name): one.profile.digest if one.profile else Passing.digest
        for name, one in settings.worklists.items()
    }
    profiles |= {uplink_place(name): one.profile.digest for name, one in settings.uplinks.items()}
    return Recorder(sinks, profiles if serves else {}, time.time, required=audit.required, on_failure=on_failure)


def _sink(settings: model.AuditSink, in_dicom: Encoder, key: bytes) -> Sink:
    form = in_dicom if settings.form == "dicom" else encode
    if settings.file is not None:
        return AuditFile(settings.file, form, key)
    tls = tls_context(settings.ca, settings.certificate, settings.key)
    message_id = "DICOM+RFC3881" if settings.form == "dicom" else "audit"
    return Syslog(SyslogServer(settings.host, settings.port, tls, message_id), form, key)


class Uplinks:
    """All uplinks of the settings: their jobs, whoever runs them, and what they share. ``start`` before use.

    With ``leads`` this process runs jobs when it is its turn; without, it leaves them to others.
    """

    def __init__(
        self,
        settings: model.Settings,
        origins: Mapping[str, OriginServer],
        releases: ReleaseStore,
        secrets: Sequence[bytes],
        codecs: Codecs,
        *,
        leads: bool = True,
        ended: Ended | None = None,
    ) -> None:
        def rings(domain: str) -> KeyRings:
            return KeyRings.derive(secrets, domain)

        self._leads = leads
        self._store = SqlJobStore(settings.state, rings)
        self._contacts = SqlContacts(settings.state, rings)
        self._shares = SqlShareStore(settings.state)
        uplinks = {name: _uplink(one, origins, rings, codecs) for name, one in settings.uplinks.items()}
        shown = {
            one.name: destination(one.name, one.destination, rings(one.domain), one.domain, releases)
            for one in uplinks.values()
            if one.policy is not None
        }
        self.sharing = Sharing(self._shares, shown)
        notifiers = _notifiers(settings.notify)
        stages = Stages(uplinks, self._store, self._contacts, notifiers, self.sharing, ended=ended)
        self._leader = Leader(self._store, stages, leadership(settings.state), lambda: _runner(settings, stages))
        self.jobs = Jobs(uplinks, self._store, self._contacts, notifiers, self.sharing, self._leader.wake)

    async def start(self) -> None:
        """Open the stores and begin to run jobs, now or when it is this process's turn. Raises StateFailed."""
        for store in (self._store, self._contacts, self._shares):
            await store.start()
        if self._leads:
            self._leader.open()

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """Return how many jobs there are of each uplink in each state. Raises StateFailed."""
        return await self._store.counts()

    async def retire(self) -> None:
        """Break off what is under way, for others to go on with; jobs can still be looked at and begun."""
        self.jobs.is_retired = True
        await self._leader.close()

    async def aclose(self) -> None:
        """Break off what is under way, to be taken up by another process or at the next start."""
        await self.retire()
        for store in (self._store, self._contacts, self._shares):
            await store.aclose()


def _uplink(
    settings: model.Uplink, origins: Mapping[str, OriginServer], rings: Callable[[str], KeyRings], codecs: Codecs
) -> Uplink:
    return Uplink(
        name=settings.name,
        domain=settings.domain,
        origin=origins[settings.origin],
        destination=origins[settings.destination],
        engine=Engine(settings.profile, rings(settings.domain).current),
        policy=settings.share,
        codecs=codecs,
    )


def _runner(settings: model.Settings, stages: Stages) -> Runner:
    from gateway.adapters.durable import Durable  # noqa: PLC0415 a second and 40 MB that only whoever leads needs

    return Durable(settings.state, stages.run, FIRST)


def _notifiers(notify: model.Notify) -> Notifiers:
    webhooks = {name: WebhookNotifier(name, hook.url, hook.secret.reveal()) for name, hook in notify.webhooks.items()}
    return Notifiers(open_mail(notify.smtp) if notify.smtp else None, webhooks)


def open_mail(smtp: model.Smtp) -> SmtpNotifier:
    """Return a mail server; nothing is sent to it yet."""
    password = smtp.password.text() if smtp.password else None
    security = Security(smtp.security)
    return SmtpNotifier(MailServer(smtp.host, smtp.port, smtp.sender, security, smtp.username, password, smtp.subject))


def _authorization(auth: model.BasicAuth | model.BearerAuth | None) -> str | None:
    if auth is None:
        return None
    if isinstance(auth, model.BearerAuth):
        return f"Bearer {auth.token.text()}"
    return "Basic " + b64encode(f"{auth.username}:{auth.password.text()}".encode()).decode()
